"""The port of a past time: an answer about it equals the answer at that time, as far as history holds it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from application.catalogue.as_of import BestOfferAsOfView, OfferAsOfView, ProductAsOf, ProductDetailAsOfView
from application.catalogue.listing import (
    EVERYTHING,
    NEWEST_FIRST,
    PagePosition,
    ProductFilter,
    ProductOrder,
    SortKey,
    search_words,
)
from domain.offer import Offer
from domain.window import BucketWidth
from factories import some_id
from fakes.offers_gateway import observed
from storages.storage import INTERVAL, SETTLES, Storage, add, ago, new_product, observe, withdraw

MINUTE = timedelta(minutes=1)
DEAR, CHEAP = some_id(), some_id()
BEGIN = BucketWidth.DAY.floor(ago(hours=30)) + timedelta(hours=5)
"""When the product of these tests was observed first: on the day before today, or earlier."""


async def watched(storage: Storage) -> UUID:
    """Add a product: at 100 and 90, the cheap one sold out after a minute, back at 95 after two, and gone in a gap."""
    product = new_product(at=BEGIN - MINUTE)
    await add(storage.begin, product)
    assert INTERVAL == MINUTE
    dear = Offer(DEAR, 100, 5)
    for minutes, offers in (
        (0, [dear, Offer(CHEAP, 90, 5)]),
        (1, [dear]),
        (2, [dear, Offer(CHEAP, 95, 5)]),
        (9, [dear]),
    ):
        await observe(storage.begin, product.id, observed(*offers), BEGIN + minutes * MINUTE)
    return product.id


async def found(storage: Storage, id: UUID, minutes: float, *, sold_out_too: bool = False) -> ProductDetailAsOfView:
    shown = await storage.as_of.product(id, BEGIN + minutes * MINUTE, sold_out_too=sold_out_too)
    assert shown is not None
    return shown.view


def offer(id: UUID, price: int, changed: float, first_seen: float = 0, items: int | None = None) -> OfferAsOfView:
    return OfferAsOfView(id, price, items, BEGIN + first_seen * MINUTE, BEGIN + changed * MINUTE)


async def listed(
    storage: Storage,
    at: datetime,
    order: ProductOrder = NEWEST_FIRST,
    wanted: ProductFilter = EVERYTHING,
    limit: int = 2,
) -> list[UUID]:
    ids: list[UUID] = []
    after: PagePosition | None = None
    while True:
        page = await storage.as_of.products(at, limit, order, after, wanted)
        assert page is not None
        ids += [each.id for each in page.items]
        after = page.next
        if after is None:
            return ids


async def test_offers_and_the_best_of_them_are_those_of_then(storage: Storage) -> None:
    id = await watched(storage)
    for minutes, offers in (
        (0, [offer(CHEAP, 90, 0), offer(DEAR, 100, 0)]),
        (0.999, [offer(CHEAP, 90, 0), offer(DEAR, 100, 0)]),
        (1, [offer(DEAR, 100, 0)]),
        (2, [offer(CHEAP, 95, 2), offer(DEAR, 100, 0)]),
        (4.999, [offer(CHEAP, 95, 2), offer(DEAR, 100, 0)]),
        (9, [offer(DEAR, 100, 0)]),
    ):
        view = await found(storage, id, minutes)
        assert (view.offers, view.offers_in_stock) == (offers, len(offers))
        assert view.best_offer == BestOfferAsOfView(offers[0].id, offers[0].price)
        assert (view.stale, view.as_of) == (False, BEGIN + minutes * MINUTE)


async def test_unknown_time_has_no_offers_and_is_not_out_of_stock(storage: Storage) -> None:
    id = await watched(storage)
    for minutes in (-0.5, 5, 8.999, 12):
        view = await found(storage, id, minutes, sold_out_too=True)
        assert (view.offers, view.best_offer, view.offers_in_stock) == ([], None, None)
    await observe(storage.begin, id, observed(), BEGIN + 10 * MINUTE)
    assert ((await found(storage, id, 11)).offers_in_stock, (await found(storage, id, 9)).offers_in_stock) == (0, 1)


async def test_offers_that_sold_out_in_the_day_before_can_be_shown(storage: Storage) -> None:
    id = await watched(storage)
    assert (await found(storage, id, 1.5, sold_out_too=True)).offers == [offer(DEAR, 100, 0), offer(CHEAP, 90, 1, 0, 0)]
    assert (await found(storage, id, 3, sold_out_too=True)).offers == (await found(storage, id, 3)).offers
    # The gap began at five minutes; that the offer was gone, the observation after it showed.
    assert (await found(storage, id, 9, sold_out_too=True)).offers == [offer(DEAR, 100, 0), offer(CHEAP, 95, 9, 0, 0)]
    for days, shown in ((0.999, True), (1, False)):
        await observe(storage.begin, id, observed(Offer(DEAR, 100, 5)), at := BEGIN + 9 * MINUTE + timedelta(days=days))
        late = await storage.as_of.product(id, at, sold_out_too=True)
        assert late is not None
        assert (CHEAP in [each.id for each in late.view.offers]) is shown


async def test_a_price_is_followed_back_over_midnights(storage: Storage) -> None:
    product = new_product(at=BEGIN - timedelta(days=2))
    await add(storage.begin, product)
    first, last = BEGIN - timedelta(days=2), BEGIN + timedelta(hours=2)
    at = first
    while at < last:
        await observe(storage.begin, product.id, observed(Offer(DEAR, 100, 5)), at)
        at += 3 * INTERVAL - timedelta(seconds=1)
    for then in (0, -timedelta(days=1) / MINUTE):
        assert (await found(storage, product.id, then)).offers[0].changed_at == first
    await observe(storage.begin, product.id, observed(Offer(DEAR, 90, 5)), at)
    for then in (0, -timedelta(days=1) / MINUTE):
        view = await found(storage, product.id, then)
        assert (view.offers[0].changed_at, view.observed_at) == (first, None)


async def test_the_time_of_an_observation_is_exact_or_that_of_a_change_on_the_day(storage: Storage) -> None:
    id = await watched(storage)
    for minutes, at in ((-0.5, None), (0, 0), (1.5, 1), (4, 2), (5, None), (9, 9), (9.5, 9), (100, 9)):
        expected = None if at is None else BEGIN + at * MINUTE
        assert (await found(storage, id, minutes)).observed_at == expected
    await observe(storage.begin, id, observed(Offer(DEAR, 100, 5)), BEGIN + 11 * MINUTE)
    assert (await found(storage, id, 10)).observed_at == BEGIN + 9 * MINUTE


async def test_a_past_is_final_once_the_product_was_observed_later(storage: Storage) -> None:
    id = await watched(storage)

    async def product(minutes: float) -> ProductAsOf:
        shown = await storage.as_of.product(id, BEGIN + minutes * MINUTE)
        assert shown is not None
        return shown

    assert ((await product(8.9)).final, (await product(9)).final) == (True, False)
    assert (await product(10)).last_observed_at == BEGIN + 9 * MINUTE
    never = new_product(at=BEGIN)
    await add(storage.begin, never)
    shown = await storage.as_of.product(never.id, BEGIN)
    assert shown is not None
    assert (shown.final, shown.last_observed_at, shown.view.observed_at) == (False, None, None)


async def test_a_product_is_there_from_its_creation_until_it_is_withdrawn(storage: Storage) -> None:
    id = await watched(storage)
    created, moment = BEGIN - MINUTE, timedelta(microseconds=1)
    assert await storage.as_of.product(id, created - moment) is None
    assert await listed(storage, created - moment) == []
    assert await listed(storage, created) == [id]
    assert await storage.as_of.product(some_id(), BEGIN) is None
    await withdraw(storage.begin, id)
    assert await storage.as_of.product(id, BEGIN) is None
    assert await listed(storage, BEGIN) == []


async def priced(storage: Storage, prices: Sequence[int | None]) -> list[UUID]:
    """Add products that had these best prices at `BEGIN`, and have others now."""
    products = [new_product(at=BEGIN - MINUTE) for _ in prices]
    await add(storage.begin, *products)
    for product, price in zip(products, prices, strict=True):
        if price is not None:
            await observe(storage.begin, product.id, observed(*([Offer(some_id(), price, 1)] if price else [])), BEGIN)
        await observe(storage.begin, product.id, observed(Offer(some_id(), 1_000, 1)), BEGIN + MINUTE)
    return [product.id for product in products]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_a_list_is_sorted_and_filtered_by_the_prices_of_then(storage: Storage, limit: int) -> None:
    dear, cheap, same, out, unknown = await priced(storage, [9, 5, 5, 0, None])
    keyed, nulls = [*sorted([cheap, same]), dear], sorted([out, unknown])
    price = ProductOrder(SortKey.PRICE)
    assert await listed(storage, BEGIN, price, limit=limit) == keyed + nulls
    descending = ProductOrder(SortKey.PRICE, descending=True)
    assert await listed(storage, BEGIN, descending, limit=limit) == keyed[::-1] + nulls[::-1]
    for order in (price, NEWEST_FIRST, ProductOrder(SortKey.NAME)):
        for wanted, expected in (
            (ProductFilter(in_stock=True), {dear, cheap, same}),
            (ProductFilter(min_price=6), {dear}),
            (ProductFilter(max_price=5), {cheap, same}),
            (ProductFilter(min_price=10), set()),
            (ProductFilter(ids=frozenset({dear, out})), {dear, out}),
            (ProductFilter(words=search_words("product"), in_stock=True), {dear, cheap, same}),
            (ProductFilter(words=search_words(str(cheap)), ids=frozenset({dear, cheap})), {cheap}),
        ):
            assert set(await listed(storage, BEGIN, order, wanted, limit)) == expected


async def test_a_list_shows_the_facts_of_then(storage: Storage) -> None:
    id = await watched(storage)
    for minutes in (-0.5, 0, 1.5, 3, 6, 9):
        page = await storage.as_of.products(BEGIN + minutes * MINUTE, 5, NEWEST_FIRST, None, EVERYTHING)
        assert page is not None
        (item,), view = page.items, await found(storage, id, minutes)
        names = ("id", "name", "registration", "best_offer", "offers_in_stock", "observed_at", "stale", "as_of")
        assert [getattr(item, name) for name in names] == [getattr(view, name) for name in names]


async def test_a_list_is_final_once_nothing_of_then_can_come_any_more(storage: Storage) -> None:
    async def final(at: datetime) -> bool:
        page = await storage.as_of.products(at, 5, NEWEST_FIRST, None, EVERYTHING)
        assert page is not None
        return page.final

    id = await watched(storage)
    assert (await final(BEGIN + 8 * MINUTE), await final(BEGIN + 9 * MINUTE)) == (True, False)
    # A product may still be created that was there already.
    await observe(storage.begin, id, observed(), ago())
    recent = ago(seconds=SETTLES.total_seconds() - 30)
    assert not await final(recent)
    never = new_product(at=BEGIN)
    await add(storage.begin, never)
    assert await final(BEGIN + 9 * MINUTE)
    # A worker that was held since then may still write what it has observed.
    async with storage.begin() as work:
        await work.synchronisations.claim_registrations(timedelta(seconds=-300), 5)
        await work.commit()
    assert await final(BEGIN + 9 * MINUTE)
    assert not await final(ago(seconds=299))
