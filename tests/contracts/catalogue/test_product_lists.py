"""The catalogue reader's port: which products a list shows, and in which order by name and by price."""

from uuid import UUID

import pytest

from application.catalogue.listing import EVERYTHING, NEWEST_FIRST, ProductFilter, ProductOrder, SortKey, search_words
from domain.offer import Offer
from domain.product import Product, Registration, RegistrationState
from factories import some_id
from fakes.offers_gateway import observed
from storages.storage import Storage, add, ago, change, observe, scheduled, withdraw


async def named(storage: Storage, *names: str, description: str = "") -> None:
    for name in names:
        await add(storage.begin, Product.create(id=some_id(), name=name, description=description, at=ago()))


async def priced(storage: Storage, *prices: int | None) -> list[UUID]:
    """Add a product for each best price, or for none."""
    ids = [await scheduled(storage.begin, ago(hours=1)) for _ in prices]
    for id, price in zip(ids, prices, strict=True):
        await observe(storage.begin, id, observed(*([] if price is None else [Offer(some_id(), price, 1)])), ago())
    return ids


async def names(storage: Storage, wanted: ProductFilter = EVERYTHING, order: ProductOrder = NEWEST_FIRST) -> list[str]:
    return [view.name for view in (await storage.reader.products(100, order, None, wanted)).items]


async def found(storage: Storage, q: str) -> set[str]:
    return set(await names(storage, ProductFilter(words=search_words(q))))


async def ids(storage: Storage, wanted: ProductFilter = EVERYTHING, order: ProductOrder = NEWEST_FIRST) -> set[UUID]:
    return {view.id for view in (await storage.reader.products(100, order, None, wanted)).items}


async def walked(storage: Storage, order: ProductOrder, limit: int, wanted: ProductFilter = EVERYTHING) -> list[UUID]:
    page = await storage.reader.products(limit, order, None, wanted)
    shown = page.items
    while page.next is not None:
        page = await storage.reader.products(limit, order, page.next, wanted)
        shown += page.items
    return [view.id for view in shown]


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("creme", {"Crème Brûlée", "CREME fraîche"}),
        ("BRÛ cre", {"Crème Brûlée"}),
        ("brulee, crème!", {"Crème Brûlée"}),
        ("rulee", set()),
        ("strass", {"Straße 7"}),
        ("STRASSE 7", {"Straße 7"}),
        ("usb c", {"Cable USB-C"}),
        ("usb-c", {"Cable USB-C"}),
        ("cab:* | tea", set()),
        ("tea's", {"tea's \\ 'x'"}),
        ("fi", {"\ufb01lter"}),
        ("हिन्", {"हिन्दी"}),
        ("sweet", {"Crème Brûlée", "CREME fraîche"}),
        ("sweet bru", {"Crème Brûlée"}),
    ],
)
async def test_every_word_of_a_search_begins_a_word_of_name_or_description(
    storage: Storage, q: str, expected: set[str]
) -> None:
    await named(storage, "Crème Brûlée", "CREME fraîche", description="Sweet & cold")
    await named(storage, "Straße 7", "Cable USB-C", "tea's \\ 'x'", "\ufb01lter", "हिन्दी", "…")
    assert await found(storage, q) == expected


async def test_a_word_longer_than_what_counts_is_found_by_all_of_it(storage: Storage) -> None:
    await named(storage, "long", description="a" * 4_000)
    assert await found(storage, "a" * 200) == {"long"}
    assert await found(storage, "a" * 199 + "b") == set()


async def test_an_edit_changes_by_what_a_product_is_found(storage: Storage) -> None:
    await named(storage, "Kettle", description="Boils")
    (view,) = (await storage.reader.products(1)).items
    async with storage.begin() as work:
        product = await work.products.get(view.id)
        product.amend(name="Pan", description="Fries", at=ago())
        await work.products.save(product)
        await work.commit()
    assert [await found(storage, q) for q in ("kettle", "boils", "pan", "fri")] == [set(), set(), {"Pan"}, {"Pan"}]
    assert await names(storage, order=ProductOrder(SortKey.NAME)) == ["Pan"]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 5, 6])
async def test_names_are_in_the_order_of_their_folded_code_points(
    storage: Storage, limit: int, descending: bool
) -> None:
    ordered = ["10", "9", "Äpfel", "apfela", "Zebra", "Ωmega", "日本"]
    await named(storage, *reversed(ordered))
    by_name = {view.id: view.name for view in (await storage.reader.products(100)).items}
    shown = [by_name[id] for id in await walked(storage, ProductOrder(SortKey.NAME, descending), limit)]
    assert shown == (ordered[::-1] if descending else ordered)


async def test_names_that_fold_to_the_same_are_in_the_order_of_their_ids(storage: Storage) -> None:
    await named(storage, "Creme", "crème", "CRÈME")
    expected = sorted(view.id for view in (await storage.reader.products(3)).items)
    for limit in (1, 2, 3):
        assert await walked(storage, ProductOrder(SortKey.NAME), limit) == expected


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6])
async def test_products_are_sorted_by_price_and_those_without_one_come_last(storage: Storage, limit: int) -> None:
    dear, free, same, same_too, sold_out, never = await priced(storage, 2**63 - 1, 0, 7, 7, None, None)
    keyed, nulls = [free, *sorted([same, same_too]), dear], sorted([sold_out, never])
    assert await walked(storage, ProductOrder(SortKey.PRICE), limit) == keyed + nulls
    assert await walked(storage, ProductOrder(SortKey.PRICE, descending=True), limit) == keyed[::-1] + nulls[::-1]


async def test_the_order_by_price_is_that_of_the_last_observation(storage: Storage) -> None:
    rising, gone, new = await priced(storage, 1, 2, None)
    for id, price in ((rising, 9), (gone, None), (new, 5)):
        await observe(storage.begin, id, observed(*([] if price is None else [Offer(some_id(), price, 1)])), ago())
    assert await walked(storage, ProductOrder(SortKey.PRICE), 1) == [new, rising, gone]
    await withdraw(storage.begin, new)
    assert await walked(storage, ProductOrder(SortKey.PRICE), 1) == [rising, gone]


@pytest.mark.parametrize("key", list(SortKey))
async def test_prices_and_stock_narrow_a_list_down_in_every_order(storage: Storage, key: SortKey) -> None:
    one, five, nine, none = await priced(storage, 1, 5, 9, None)
    for wanted, expected in (
        (ProductFilter(), {one, five, nine, none}),
        (ProductFilter(in_stock=True), {one, five, nine}),
        (ProductFilter(min_price=5), {five, nine}),
        (ProductFilter(max_price=5), {one, five}),
        (ProductFilter(min_price=5, max_price=5), {five}),
        (ProductFilter(min_price=0, max_price=2**63 - 1), {one, five, nine}),
        (ProductFilter(min_price=10), set()),
    ):
        assert set(await walked(storage, ProductOrder(key), 2, wanted)) == expected


async def test_a_state_of_registration_narrows_a_list_down(storage: Storage) -> None:
    by_state = {}
    for state in RegistrationState:
        product = Product.create(id=some_id(), name=state.value, description="", at=ago())
        product.registration = Registration(state, ago())
        await add(storage.begin, product)
        by_state[state] = {product.id}
    assert {state: await ids(storage, ProductFilter(registration=state)) for state in RegistrationState} == by_state


async def test_attention_need_rejected_conflicting_and_failing_products(storage: Storage) -> None:
    needing = set()
    for state in RegistrationState:
        for failures in (0, 1):
            product = Product.create(id=some_id(), name=f"{state.value} {failures}", description="", at=ago())
            product.registration = Registration(state, ago())
            await add(storage.begin, product)
            if failures:
                await change(storage.begin, product.id, lambda each: each.fail("no answer", ago(), ago()))
            if failures or state in (RegistrationState.REJECTED, RegistrationState.CONFLICT):
                needing.add(product.id)
    assert len(needing) == 6
    assert await ids(storage, ProductFilter(attention=True)) == needing


async def test_all_filters_must_be_passed(storage: Storage) -> None:
    cheap, dear = await priced(storage, 5, 50)
    wanted = ProductFilter(words=search_words(f"product {str(cheap)[:8]}"), in_stock=True, max_price=10)
    assert await ids(storage, wanted) == {cheap}
    assert await ids(storage, ProductFilter(words=wanted.words, min_price=10)) == set()
    assert await ids(storage, ProductFilter(words=search_words("product"), min_price=10)) == {dear}


async def test_products_whose_price_fell_over_a_day_can_be_listed(storage: Storage) -> None:
    products = [await scheduled(storage.begin, ago(hours=30)) for _ in range(3)]
    for id, prices in zip(products, ((110, 90), (110, 110), (110, 130)), strict=True):
        for at, price in zip((ago(hours=24, seconds=30), ago()), prices, strict=True):
            await observe(storage.begin, id, observed(Offer(some_id(), price, 1)), at)
        await storage.changes.refresh(UUID(int=id.int - 1), 1)
    assert await ids(storage, ProductFilter(dropped=True)) & set(products) == {products[0]}


async def test_stale_are_products_that_were_observed_too_long_ago(storage: Storage) -> None:
    fresh, old, _ = [await scheduled(storage.begin, ago(hours=9)) for _ in range(3)]
    await observe(storage.begin, old, observed(Offer(some_id(), 1, 1)), ago(hours=1))
    await observe(storage.begin, fresh, observed(Offer(some_id(), 1, 1)), ago())
    assert await ids(storage, ProductFilter(stale=True)) == {old}
