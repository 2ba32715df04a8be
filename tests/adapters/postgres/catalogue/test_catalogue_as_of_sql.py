"""For all observations, an answer about a past time equals the one at that time, on PostgreSQL and in memory."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from application.catalogue.as_of import ProductDetailAsOfView
from application.catalogue.listing import ProductFilter, ProductOrder, SortKey
from application.catalogue.views import ProductDetailView
from domain.offer import ObservedOffers, Offer
from domain.window import BucketWidth
from factories import some_id
from fakes.catalogue_as_of import InMemoryCatalogueAsOfReader
from fakes.catalogue_reader import InMemoryCatalogueReader
from fakes.offers_gateway import observed
from fakes.storage import FakeClock, InMemoryStorage
from storages.decoded_reader import DecodedCatalogue
from storages.random_histories import polls
from storages.storage import INTERVAL, SETTLES, SOLD_OUT_KEPT, Storage, add, ago, new_product, observe, on_postgres

pytestmark = pytest.mark.timeout(6 * max(100, settings().max_examples))

DAYS = 4
START = BucketWidth.DAY.floor(datetime.now(UTC)) - timedelta(days=DAYS, minutes=10)
# Every poll is a transaction, so there are fewer examples.
fewer = settings(max_examples=max(1, settings().max_examples // 10))


class Remembering:
    """A catalogue in memory, whose clock is where the story is: so its present answers are those of then."""

    def __init__(self) -> None:
        self.clock = FakeClock(START)
        storage = InMemoryStorage(self.clock)
        self.begin = storage.begin
        self.reader = DecodedCatalogue(InMemoryCatalogueReader(storage, INTERVAL, SOLD_OUT_KEPT))
        self.as_of = InMemoryCatalogueAsOfReader(storage, SOLD_OUT_KEPT, SETTLES)


def assert_as_answered(then: ProductDetailView, past: ProductDetailAsOfView, *, confirmed: bool = True) -> None:
    """Hold a past answer to the one that was given then; only how many items there were is not recorded."""
    if then.stale or then.observed_at is None:
        return
    assert past.offers_in_stock == then.offers_in_stock
    assert [(each.id, each.price, each.first_seen_at) for each in past.offers] == [
        (each.id, each.price, each.first_seen_at) for each in then.offers
    ]
    for now, before in zip(past.offers, then.offers, strict=True):
        # A change at midnight itself can't be distinguished from a cut at midnight.
        at_midnight = before.changed_at == BucketWidth.DAY.floor(before.changed_at)
        assert now.changed_at == before.changed_at or (now.changed_at is None and at_midnight)
        assert now.items_in_stock == (None if before.items_in_stock else 0)
    best, cheapest = past.best_offer, [each.id for each in past.offers[:1] if past.best_offer]
    assert (best and best.price) == (then.best_offer and then.best_offer.price)
    assert [best.id for _ in cheapest if best] == cheapest
    if confirmed and best and then.best_offer:
        assert best.id == then.best_offer.id
    assert past.observed_at is None or past.observed_at <= then.observed_at


@fewer
@given(
    polls=polls,
    moments=st.lists(st.integers(0, 300_000 * 10**6), max_size=3),
    order=st.builds(ProductOrder, st.sampled_from([SortKey.NAME, SortKey.PRICE, SortKey.CREATED_AT]), st.booleans()),
    wanted=st.sampled_from([{}, {"in_stock": True}, {"min_price": 1}, {"max_price": 100}]),
)
async def test_a_past_answer_is_the_one_that_was_given_then(
    engine: AsyncEngine,
    polls: Sequence[tuple[int, ObservedOffers, int]],
    moments: list[int],
    order: ProductOrder,
    wanted: dict[str, int],
) -> None:
    real, memory = on_postgres(engine), Remembering()
    product = new_product(at=START)
    answered: list[tuple[ProductDetailView, ProductDetailView, ProductDetailView, bool]] = []
    for storage in (real, memory):
        await add(storage.begin, product)
    for pause, answer, interval in polls:
        at = memory.clock.advance(timedelta(microseconds=pause))
        for storage in (real, memory):
            await observe(storage.begin, product.id, answer, at, timedelta(seconds=interval))
        async with memory.begin() as work:
            offers = (await work.offers.of([product.id])).get(product.id, ())
        sold_out_too = await memory.reader.product(product.id, sold_out_too=True)
        # What is not trusted at all is stale a moment later.
        memory.clock.now = at + timedelta(microseconds=1)
        then = await memory.reader.product(product.id)
        memory.clock.now = at
        confirmed = all(offer.known_until is None for offer in offers)
        answered.append((await real.reader.product(product.id), then, sold_out_too, confirmed))
    for on_disk, then, sold_out_too, confirmed in answered:
        at = then.observed_at or START
        for storage in (real, memory):
            past = await storage.as_of.product(product.id, at)
            assert past is not None
            assert_as_answered(then, past.view, confirmed=confirmed)
        assert on_disk.offers == then.offers
        with_sold_out = await memory.as_of.product(product.id, at, sold_out_too=True)
        assert with_sold_out is not None
        shown = {each.id for each in with_sold_out.view.offers}
        if not then.stale:
            # Those that were never in stock are not recorded.
            assert shown <= {each.id for each in sold_out_too.offers}
    times = [each.observed_at or START for _, each, _, _ in answered] + [
        START + timedelta(microseconds=each) for each in moments
    ]
    for at in times:
        for gone_too in (False, True):
            found = await real.as_of.product(product.id, at, sold_out_too=gone_too)
            assert found == await memory.as_of.product(product.id, at, sold_out_too=gone_too)
        chosen = ProductFilter(ids=frozenset({product.id}), **wanted)  # type: ignore[arg-type]
        page, expected = [await each.as_of.products(at, 5, order, None, chosen) for each in (real, memory)]
        assert page is not None
        assert expected is not None
        assert (page.items, page.next) == (expected.items, expected.next)


async def test_a_filtered_page_looks_at_a_bounded_number_of_products(
    database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.postgres.catalogue.as_of_reader.LOOKED_AT", 2)
    storage, at = on_postgres(database), ago(seconds=5)
    ids = await _priced(storage, [1, 1, 1, 9, 1, 9], at)
    pages, after = [], None
    while True:
        page = await storage.as_of.products(at, 5, ProductOrder(SortKey.NAME), after, ProductFilter(min_price=9))
        assert page is not None
        pages.append([each.id for each in page.items])
        after = page.next
        if after is None:
            break
    assert pages == [[], [ids[3]], [ids[5]], []]


async def test_too_many_products_are_not_sorted_by_past_prices(
    database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, at, price = on_postgres(database), ago(seconds=5), ProductOrder(SortKey.PRICE)
    ids = await _priced(storage, [3, 2, 1], at)
    for most, expected in ((3, ids[::-1]), (2, None)):
        monkeypatch.setattr("adapters.postgres.catalogue.as_of_reader.MOST_SORTED", most)
        page = await storage.as_of.products(at, 5, price, None, ProductFilter())
        assert (page and [each.id for each in page.items]) == expected


async def _priced(storage: Storage, prices: Sequence[int], at: datetime) -> list[UUID]:
    products = [new_product(name=f"Product {number}", at=ago(hours=1)) for number, _ in enumerate(prices)]
    await add(storage.begin, *products)
    for product, price in zip(products, prices, strict=True):
        await observe(storage.begin, product.id, observed(Offer(some_id(), price, 1)), at)
    return [product.id for product in products]
