"""The catalogue reader's port: what everybody sees."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from application.catalogue.listing import NEWEST_FIRST, ChangePeriod, ProductOrder, SortKey
from application.catalogue.views import (
    BestOfferView,
    ListedProductView,
    OffersView,
    OfferView,
    ProductDetailView,
    ProductView,
    RegistrationView,
    SynchronisationView,
)
from domain.errors import ProductNotFound
from domain.offer import Offer
from domain.product import Registration, RegistrationState
from domain.synchronisation import Observation
from factories import ProductFactory, SynchronisationFactory, TrackedOfferFactory, some_id
from fakes.offers_gateway import observed
from storages.storage import HOUR, INTERVAL, Storage, add, ago, change, new_product, observe, scheduled, withdraw


async def test_a_product_that_was_never_observed_has_no_offers_and_is_not_stale(storage: Storage) -> None:
    product = ProductFactory.build()
    await add(storage.begin, product)
    registration = product.registration
    assert await storage.reader.product(product.id) == ProductDetailView(
        id=product.id,
        name=product.name,
        description=product.description,
        created_at=product.created_at,
        updated_at=product.updated_at,
        revision=product.revision,
        registration=RegistrationView(registration.state, registration.since, registration.detail),
        best_offer=None,
        offers_in_stock=0,
        observed_at=None,
        stale=False,
        offers=[],
    )
    assert await storage.reader.offers(product.id) == OffersView([], None, stale=False)


async def test_an_observed_product_shows_its_offers_in_stock_cheapest_first(storage: Storage) -> None:
    id, at = await scheduled(storage.begin, ago(hours=1)), ago(seconds=5)
    dear, cheap, large, none_left = (
        Offer(some_id(), 30, 3),
        Offer(some_id(), 0, 7),
        Offer(some_id(), 2**63 - 1, 2**40),
        Offer(some_id(), 5, 0),
    )
    await observe(storage.begin, id, observed(dear, none_left, large, cheap), at)
    offers = [OfferView(each.id, each.price, each.items_in_stock, at, at) for each in (cheap, dear, large)]
    view = await storage.reader.product(id)
    assert view.offers == offers
    assert (view.best_offer, view.offers_in_stock) == (BestOfferView(cheap.id, 0, 7), 3)
    assert (view.observed_at, view.stale) == (at, False)
    assert await storage.reader.offers(id) == OffersView(offers, at, stale=False)


async def test_offers_at_one_price_are_in_the_order_of_their_ids(storage: Storage) -> None:
    id, offers = await scheduled(storage.begin, ago(hours=1)), [Offer(some_id(), 10, 1) for _ in range(5)]
    await observe(storage.begin, id, observed(*offers), ago())
    view = await storage.reader.product(id)
    assert [offer.id for offer in view.offers] == sorted(offer.id for offer in offers)
    assert view.best_offer == BestOfferView(min(offer.id for offer in offers), 10, 1)


async def test_all_times_are_utc(storage: Storage) -> None:
    id = await scheduled(storage.begin, ago(hours=1))
    await observe(storage.begin, id, observed(Offer(some_id(), 10, 1)), ago())
    view = await storage.reader.product(id)
    times = [view.created_at, view.updated_at, view.registration.since, view.observed_at]
    times += [view.offers[0].first_seen_at, view.offers[0].changed_at]
    assert [time and time.utcoffset() for time in times] == [UTC.utcoffset(None)] * 6


async def test_offers_sold_out_within_a_day_are_shown_on_demand_behind_the_others(storage: Storage) -> None:
    id = await scheduled(storage.begin, ago(hours=1))
    in_stock = TrackedOfferFactory.build(price=50)
    lately = TrackedOfferFactory.build(price=20, sold_out_at=ago(hours=23))
    just_now = TrackedOfferFactory.build(price=10, sold_out_at=ago())
    long_ago = TrackedOfferFactory.build(price=5, sold_out_at=ago(hours=25))
    async with storage.begin() as work:
        await work.offers.record([Observation(id, [long_ago, in_stock, lately, just_now], [], [])])
        await work.commit()
    shown = [in_stock.id, just_now.id, lately.id]
    assert [offer.id for offer in (await storage.reader.product(id)).offers] == [in_stock.id]
    assert [offer.id for offer in (await storage.reader.product(id, sold_out_too=True)).offers] == shown
    assert [offer.id for offer in (await storage.reader.offers(id)).items] == [in_stock.id]
    assert [offer.id for offer in (await storage.reader.offers(id, sold_out_too=True)).items] == shown


async def test_a_sold_out_product_has_no_best_offer(storage: Storage) -> None:
    id, at = await scheduled(storage.begin, ago(hours=1)), ago(seconds=5)
    await observe(storage.begin, id, observed(Offer(some_id(), 10, 1)), at - INTERVAL)
    await observe(storage.begin, id, observed(), at)
    view = await storage.reader.product(id)
    assert (view.best_offer, view.offers_in_stock, view.offers, view.observed_at) == (None, 0, [], at)
    assert [offer.changed_at for offer in (await storage.reader.product(id, sold_out_too=True)).offers] == [at]


@pytest.mark.parametrize(("intervals", "stale"), [(2.9, False), (3.1, True)])
async def test_a_product_is_stale_once_its_observation_is_no_longer_trusted(
    storage: Storage, intervals: float, stale: bool
) -> None:
    id = await scheduled(storage.begin, ago(hours=1))
    await observe(storage.begin, id, observed(Offer(some_id(), 10, 1)), ago() - intervals * INTERVAL)
    assert (await storage.reader.product(id)).stale is stale
    assert (await storage.reader.offers(id)).stale is stale
    assert [product.stale for product in (await storage.reader.products(5)).items] == [stale]


async def test_products_come_newest_first_and_of_equal_age_by_descending_id(storage: Storage) -> None:
    at = ago(hours=3)
    products = [new_product(at=at + timedelta(microseconds=age)) for age in (0, 5, 0, 3, 0, 5)]
    await add(storage.begin, *products)
    expected = sorted(products, key=lambda product: (product.created_at, product.id), reverse=True)
    assert [view.id for view in (await storage.reader.products(10)).items] == [product.id for product in expected]


async def nothing() -> None:
    pass


async def walk(
    storage: Storage,
    limit: int,
    order: ProductOrder = NEWEST_FIRST,
    between: Callable[[], Awaitable[None]] = nothing,
) -> list[ListedProductView]:
    """Return the products of all pages, one after the other."""
    page = await storage.reader.products(limit, order)
    walked = page.items
    while page.next is not None:
        assert len(page.items) == limit
        await between()
        page = await storage.reader.products(limit, order, page.next)
        assert page.items
        walked += page.items
    return walked


async def test_products_come_oldest_first_too(storage: Storage) -> None:
    at = ago(hours=3)
    await add(storage.begin, *(new_product(at=at + timedelta(microseconds=age)) for age in (0, 5, 0, 3, 0, 5)))
    newest_first = await walk(storage, 10)
    assert await walk(storage, 2, ProductOrder(SortKey.CREATED_AT)) == newest_first[::-1]


async def changed(storage: Storage, *prices: tuple[int, int | None]) -> list[UUID]:
    """Add products whose price was the first a day and a bit ago, is the second now, and has none if that is None."""
    ids = []
    for before, after in prices:
        id, offer = await scheduled(storage.begin, ago(hours=1)), some_id()
        await observe(storage.begin, id, observed(Offer(offer, before, 1)), ago(hours=25))
        await change(storage.begin, id, lambda state: setattr(state, "known_until", ago()))
        await observe(storage.begin, id, observed(*([Offer(offer, after, 1)] if after is not None else [])), ago())
        ids.append(id)
    await refresh_changes(storage)
    return ids


async def refresh_changes(storage: Storage) -> None:
    last: UUID | None = UUID(int=0)
    while last is not None:
        last = await storage.changes.refresh(last, 2)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7, 8])
@pytest.mark.parametrize("descending", [False, True])
async def test_products_are_sorted_by_how_their_price_changed_and_those_without_a_change_come_last(
    storage: Storage, limit: int, descending: bool
) -> None:
    fallen, risen, same, same_too, sold_out = await changed(storage, (100, 90), (5, 9), (7, 7), (9, 9), (100, None))
    new = new_product()
    await add(storage.begin, new)
    keyed = [fallen, *sorted([same, same_too]), risen]
    nulls = sorted([sold_out, new.id])
    expected = keyed[::-1] + nulls[::-1] if descending else keyed + nulls
    walked = await walk(storage, limit, ProductOrder(SortKey.CHANGE_1D, descending))
    assert [view.id for view in walked] == expected


async def test_a_change_over_a_week_is_another_than_that_over_a_day(storage: Storage) -> None:
    day, never = await changed(storage, (100, 90), (5, 5))
    walked = await walk(storage, 5, ProductOrder(SortKey.CHANGE_7D))
    assert [view.id for view in walked] == sorted([day, never])


@pytest.mark.parametrize("key", [SortKey.CHANGE_1D, SortKey.CREATED_AT])
async def test_products_carry_the_change_over_a_period_in_any_order(storage: Storage, key: SortKey) -> None:
    ids = await changed(storage, (100, 90), (800, 801), (800, 803), (0, 5), (2**63 - 1, 0), (7, 7), (100, None))
    new = new_product()
    await add(storage.begin, new)
    page = await storage.reader.products(9, ProductOrder(key), change=ChangePeriod.DAY)
    shown = {view.id: view.change for view in page.items}
    assert [(each.change, each.change_percent) for id in ids if (each := shown[id])] == [
        (-10, Decimal(-10)),
        (1, Decimal("0.12")),  # half to even
        (3, Decimal("0.38")),
        (5, None),
        (1 - 2**63, Decimal(-100)),
        (0, Decimal(0)),
    ]
    assert (shown[ids[-1]], shown[new.id]) == (None, None)
    for each in shown.values():
        assert each is None or (each.period is ChangePeriod.DAY and ago(hours=1) < each.as_of <= ago())
    page = await storage.reader.products(9, ProductOrder(key), change=ChangePeriod.WEEK)
    assert {view.change for view in page.items} == {None}
    page = await storage.reader.products(9, ProductOrder(key))
    assert {view.change for view in page.items} == {None}


async def test_a_change_is_as_of_when_it_was_worked_out_though_it_is_the_same_again(storage: Storage) -> None:
    await changed(storage, (100, 90))

    async def as_of() -> datetime:
        (view,) = (await storage.reader.products(1, change=ChangePeriod.DAY)).items
        assert view.change is not None
        return view.change.as_of

    before = await as_of()
    await refresh_changes(storage)
    assert await as_of() > before


async def test_a_withdrawn_product_is_in_no_order(storage: Storage) -> None:
    (id,) = await changed(storage, (100, 90))
    await withdraw(storage.begin, id)
    await refresh_changes(storage)
    for key in SortKey:
        assert await walk(storage, 5, ProductOrder(key)) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
async def test_pages_neither_skip_nor_repeat_a_product(storage: Storage, limit: int) -> None:
    at = ago(hours=3)
    products = [new_product(at=at + timedelta(microseconds=age)) for age in (0, 1, 1, 1, 0, 2, 1)]
    await add(storage.begin, *products)
    # What is added in front of the walk does not disturb it.
    walked = await walk(storage, limit, between=lambda: add(storage.begin, new_product(at=ago())))
    assert walked == [
        view for view in (await storage.reader.products(100)).items if view.id in {product.id for product in products}
    ]
    assert len(walked) == len(products)


async def test_a_list_shows_what_the_product_shows(storage: Storage) -> None:
    registered = ProductFactory.build(registration=Registration(RegistrationState.REGISTERED, ago(), None, ago()))
    await add(storage.begin, registered, ProductFactory.build())
    await observe(storage.begin, registered.id, observed(Offer(some_id(), 10, 1), Offer(some_id(), 20, 2)), ago())
    listed = (await storage.reader.products(5)).items
    assert len(listed) == 2
    for view in listed:
        detail = await storage.reader.product(view.id)
        listed_as = {name: getattr(detail, name) for name in ProductView.__slots__}
        assert view == ListedProductView(**listed_as, change=None)


async def test_how_the_attempts_go_is_shown(storage: Storage) -> None:
    product = new_product()
    await add(storage.begin, product)
    state = SynchronisationFactory.build(product_id=product.id, scheduled_at=ago(), not_before=ago(hours=1))
    async with storage.begin() as work:
        await work.synchronisations.save(state)
        await work.commit()
    assert await storage.reader.synchronisation(product.id) == SynchronisationView(
        last_attempt_at=state.last_attempt_at,
        last_success_at=state.last_success_at,
        next_attempt_at=state.scheduled_at and state.scheduled_at + INTERVAL,
        consecutive_failures=state.consecutive_failures,
        last_error=state.last_error,
        refused_rows=state.refused_rows,
    )


async def test_the_next_attempt_waits_for_its_time_and_a_given_up_one_never_comes(storage: Storage) -> None:
    later = ago(hours=-1)
    id = await scheduled(storage.begin, ago(hours=1), not_before=later)
    assert (await storage.reader.synchronisation(id)).next_attempt_at == later
    await change(storage.begin, id, lambda state: state.give_up("refused", later - HOUR))
    assert (await storage.reader.synchronisation(id)).next_attempt_at is None


async def test_unknown_and_withdrawn_products_are_not_found(storage: Storage) -> None:
    product = new_product()
    await add(storage.begin, product)
    await observe(storage.begin, product.id, observed(Offer(some_id(), 10, 1)), ago())
    await withdraw(storage.begin, product.id)
    assert (await storage.reader.products(5)).items == []
    reads: list[Callable[[UUID], Awaitable[object]]] = [
        storage.reader.product,
        storage.reader.offers,
        storage.reader.synchronisation,
    ]
    for read in reads:
        for id in (product.id, some_id()):
            with pytest.raises(ProductNotFound):
                await read(id)


async def test_an_observation_from_the_future_is_stale(storage: Storage) -> None:
    """The database's clock was ahead when it was made."""
    id = await scheduled(storage.begin, ago(hours=1))
    await observe(storage.begin, id, observed(Offer(some_id(), 100, 1)), ago())
    assert not (await storage.reader.product(id)).stale
    await change(storage.begin, id, lambda state: setattr(state, "observed_at", ago(hours=-1)))
    await change(storage.begin, id, lambda state: setattr(state, "known_until", ago(hours=-1)))
    assert (await storage.reader.product(id)).stale
    assert (await storage.reader.offers(id)).stale


async def test_synchronisations_are_read_together(storage: Storage) -> None:
    one, other = [await scheduled(storage.begin, ago(hours=1)) for _ in range(2)]
    found = await storage.reader.synchronisations([one, some_id(), other])
    assert found == {id: await storage.reader.synchronisation(id) for id in (one, other)}
    assert await storage.reader.synchronisations([]) == {}
