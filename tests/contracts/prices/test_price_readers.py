"""The ports of prices over time, one by one; tests/adapters holds PostgreSQL to the domain on random histories."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import pytest

from domain.errors import ProductNotFound
from domain.offer import Offer, OfferInterval
from domain.prices.history import Extreme, PriceSummary, tiled
from domain.prices.price import PriceInForce, PriceState, PriceStep
from domain.prices.statistics import PriceDistribution
from domain.window import BucketWidth, Window
from factories import some_id
from fakes.offers_gateway import observed
from storages.databases import system_clock
from storages.storage import INTERVAL, Storage, add, ago, new_product, observe, scheduled, withdraw

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
US = 10**6
FIRST, SECOND_OFFER = some_id(), some_id()
BEGIN = BucketWidth.HOUR.floor(system_clock()) - 2 * HOUR
"""When the product of these tests was observed first."""
WINDOW = Window(BEGIN - MINUTE, BEGIN + 12 * MINUTE)
ENDS = [WINDOW.start, WINDOW.end]
FIVE_MINUTES_EACH = [WINDOW.start, BEGIN, BEGIN + 5 * MINUTE, BEGIN + 10 * MINUTE, WINDOW.end]


async def watched(storage: Storage) -> UUID:
    """Add a product: at 100, at 90 after two minutes, sold out after four; unknown from seven on, back after ten."""
    id = await scheduled(storage.begin, ago(hours=3))
    dear, cheap = Offer(FIRST, 100, 5), Offer(SECOND_OFFER, 90, 5)
    for minutes, offers in ((0, [dear]), (2, [dear, cheap]), (4, []), (10, [dear])):
        await observe(storage.begin, id, observed(*offers), BEGIN + minutes * MINUTE)
    return id


async def test_every_read_is_of_a_product_that_is_there(storage: Storage) -> None:
    withdrawn = await watched(storage)
    await withdraw(storage.begin, withdrawn)
    prices, offers = storage.prices, storage.offer_prices
    reads: list[Callable[[UUID], Awaitable[object]]] = [
        partial(prices.steps, window=WINDOW, limit=5),
        partial(prices.buckets, window=WINDOW, width=BucketWidth.HOUR),
        partial(prices.sums, bounds=ENDS, width=BucketWidth.DAY),
        partial(prices.in_force, times=[BEGIN]),
        partial(prices.statistics, window=WINDOW, current=None),
        partial(offers.steps, window=WINDOW, limit=5),
        partial(offers.sums, bounds=ENDS, limit=5),
        partial(offers.summary, offer_id=FIRST, window=WINDOW),
        partial(offers.life, offer_id=FIRST, window=WINDOW, limit=5),
    ]
    for read in reads:
        for id in (withdrawn, some_id()):
            with pytest.raises(ProductNotFound):
                await read(id)


async def test_steps_are_those_within_the_window_and_the_one_in_force(storage: Storage) -> None:
    id = await watched(storage)
    found = await storage.prices.steps(id, WINDOW, 100)
    assert tiled(found, WINDOW) == [
        PriceStep(state, price, BEGIN + begin * MINUTE, BEGIN + end * MINUTE)
        for state, price, begin, end in (
            (PriceState.UNKNOWN, None, -1, 0),
            (PriceState.IN_STOCK, 100, 0, 2),
            (PriceState.IN_STOCK, 90, 2, 4),
            (PriceState.OUT_OF_STOCK, None, 4, 7),
            (PriceState.UNKNOWN, None, 7, 10),
            (PriceState.IN_STOCK, 100, 10, 12),
        )
    ]
    assert [step.valid_from for step in found] == sorted(step.valid_from for step in found)


async def test_no_more_steps_come_than_are_asked_for_the_first_of_them(storage: Storage) -> None:
    id = await watched(storage)
    found = await storage.prices.steps(id, Window(BEGIN + 3 * MINUTE, WINDOW.end), 2)
    assert [step.price for step in found] == [90, None]


async def test_buckets_are_clipped_and_those_before_the_first_observation_left_out(storage: Storage) -> None:
    id = await watched(storage)
    window = Window(BEGIN - HOUR, BEGIN + 12 * MINUTE)
    five = BucketWidth.FIVE_MINUTES
    first, second, third = await storage.prices.buckets(id, window, five)
    assert first == PriceSummary(
        Window(BEGIN, BEGIN + 5 * MINUTE),
        open=100,
        close=None,
        lowest=Extreme(90, BEGIN + 2 * MINUTE),
        highest=Extreme(100, BEGIN),
        price_time=(100 * 120 + 90 * 120) * US,
        in_stock=240 * US,
        known=300 * US,
    )
    assert (second.open, second.close, second.lowest, second.in_stock, second.known) == (None, None, None, 0, 120 * US)
    assert (third.window, third.open, third.known) == (Window(BEGIN + 10 * MINUTE, window.end), 100, 120 * US)
    (whole,) = await storage.prices.buckets(id, Window(BEGIN, window.end), BucketWidth.HOUR)
    assert (whole.open, whole.close, whole.highest) == (100, 100, Extreme(100, BEGIN + 10 * MINUTE))


async def test_sums_are_of_the_stretches_between_bounds_and_those_before_the_first_observation_left_out(
    storage: Storage,
) -> None:
    id = await watched(storage)
    bounds = [BEGIN - HOUR, BEGIN - 5 * MINUTE, BEGIN + 10 * MINUTE, BEGIN + 12 * MINUTE]
    first, second = await storage.prices.sums(id, bounds, BucketWidth.FIVE_MINUTES)
    assert first == PriceSummary(
        Window(bounds[1], bounds[2]),
        open=None,
        close=None,
        lowest=Extreme(90, bounds[1]),
        highest=Extreme(100, bounds[1]),
        price_time=(100 * 120 + 90 * 120) * US,
        in_stock=240 * US,
        known=420 * US,
    )
    assert (second.window, second.open, second.close) == (Window(bounds[2], bounds[3]), 100, 100)
    assert (second.lowest, second.in_stock) == (Extreme(100, bounds[2]), 120 * US)
    (whole,) = await storage.prices.sums(id, [BEGIN, bounds[3]], BucketWidth.DAY)
    assert (whole.open, whole.close, whole.highest) == (100, 100, Extreme(100, BEGIN))


async def test_what_is_in_force_is_none_before_the_first_observation(storage: Storage) -> None:
    id = await watched(storage)

    async def at(minutes: float) -> PriceInForce | None:
        before, found = await storage.prices.in_force(id, [BEGIN - HOUR, BEGIN + minutes * MINUTE])
        assert before is None
        return found

    assert await at(-0.001) is None
    assert await at(0) == await at(1.999) == PriceInForce(PriceState.IN_STOCK, 100)
    assert await at(2) == PriceInForce(PriceState.IN_STOCK, 90)
    assert await at(5) == PriceInForce(PriceState.OUT_OF_STOCK, None)
    assert await at(8) == PriceInForce(PriceState.UNKNOWN, None)
    assert await at(12.999) == PriceInForce(PriceState.IN_STOCK, 100)
    assert await at(13) == PriceInForce(PriceState.UNKNOWN, None)


async def test_a_product_that_was_never_observed_has_no_prices(storage: Storage) -> None:
    product = new_product()
    await add(storage.begin, product)
    prices, offers = storage.prices, storage.offer_prices
    assert await prices.steps(product.id, WINDOW, 5) == []
    assert await prices.buckets(product.id, WINDOW, BucketWidth.DAY) == []
    assert await prices.in_force(product.id, [system_clock()] * 2) == [None, None]
    nothing = PriceSummary(WINDOW), PriceDistribution(None, None, None, 0)
    assert await prices.statistics(product.id, WINDOW, None) == nothing
    assert (await offers.steps(product.id, WINDOW, 5)).in_stock == {}
    assert await prices.sums(product.id, ENDS, BucketWidth.DAY) == []
    assert await offers.sums(product.id, ENDS, 5) == {}
    assert (await offers.life(product.id, FIRST, WINDOW, 5)).offer is None


async def test_statistics_are_of_the_time_in_stock(storage: Storage) -> None:
    id = await watched(storage)
    summary, spread = await storage.prices.statistics(id, WINDOW, 90)
    assert summary == PriceSummary(
        WINDOW,
        lowest=Extreme(90, BEGIN + 2 * MINUTE),
        highest=Extreme(100, BEGIN + 10 * MINUTE),
        price_time=(100 * 240 + 90 * 120) * US,
        in_stock=360 * US,
        known=540 * US,
    )
    assert spread == PriceDistribution(90, 100, 100, 240 * US)


async def test_a_quantile_is_the_price_whose_time_just_reaches_it(storage: Storage) -> None:
    id, offer = await scheduled(storage.begin, ago(hours=3)), some_id()
    for minutes, price in enumerate((20, 40, 10, 30)):
        await observe(storage.begin, id, observed(Offer(offer, price, 1)), BEGIN + minutes * MINUTE)
    window = Window(BEGIN, BEGIN + 4 * MINUTE)
    _, spread = await storage.prices.statistics(id, window, 20)
    assert spread == PriceDistribution(10, 20, 30, 120 * US)


async def test_offers_are_in_stock_where_the_product_is_known(storage: Storage) -> None:
    id = await watched(storage)
    found = await storage.offer_prices.steps(id, WINDOW, 100)
    assert found.known == [
        Window(BEGIN, BEGIN + 7 * MINUTE),
        Window(BEGIN + 10 * MINUTE, BEGIN + 12 * MINUTE),
    ]
    assert found.in_stock.keys() == {FIRST, SECOND_OFFER}
    assert [(each.price, each.valid_from) for each in found.in_stock[FIRST]] == [
        (100, BEGIN),
        (100, BEGIN + 10 * MINUTE),
    ]
    assert found.in_stock[SECOND_OFFER] == [OfferInterval(SECOND_OFFER, 90, BEGIN + 2 * MINUTE, BEGIN + 4 * MINUTE)]


async def test_the_last_intervals_of_all_offers_together_are_the_limit(storage: Storage) -> None:
    id = await watched(storage)
    found = await storage.offer_prices.steps(id, WINDOW, 2)
    begins: list[datetime] = sorted(each.valid_from for offer in found.in_stock.values() for each in offer)
    assert begins == [BEGIN + 2 * MINUTE, BEGIN + 10 * MINUTE]
    sums = await storage.offer_prices.sums(id, FIVE_MINUTES_EACH, 2)
    assert sum(map(len, sums.values())) == 2


async def test_sums_of_an_offer_are_those_in_which_it_was_in_stock(storage: Storage) -> None:
    id = await watched(storage)
    found = await storage.offer_prices.sums(id, FIVE_MINUTES_EACH, 100)
    assert {offer: [each.window.start for each in found[offer]] for offer in found} == {
        FIRST: [BEGIN, BEGIN + 10 * MINUTE],
        SECOND_OFFER: [BEGIN],
    }
    (only,) = found[SECOND_OFFER]
    assert (only.open, only.close, only.in_stock, only.known) == (None, None, 120 * US, 300 * US)


async def test_a_price_of_an_offer_counts_in_every_stretch_in_which_it_was_in_force(storage: Storage) -> None:
    id = await watched(storage)
    bounds = [WINDOW.start, BEGIN + MINUTE, BEGIN + 3 * MINUTE, WINDOW.end]
    found = (await storage.offer_prices.sums(id, bounds, 100))[FIRST]
    assert [(each.window, each.in_stock) for each in found] == [
        (Window(start, end), minutes * 60 * US)
        for start, end, minutes in zip(bounds, bounds[1:], (1, 2, 3), strict=False)
    ]


async def test_an_offer_that_did_not_change_across_a_gap_is_not_known_there(storage: Storage) -> None:
    id, offer = await scheduled(storage.begin, ago(hours=3)), Offer(some_id(), 70, 1)
    for minutes in (0, 10):
        await observe(storage.begin, id, observed(offer), BEGIN + minutes * MINUTE)
    (bucket,) = (await storage.offer_prices.sums(id, ENDS, 5))[offer.id]
    assert (bucket.in_stock, bucket.known) == (5 * 60 * US, 5 * 60 * US)
    assert bucket.lowest == Extreme(70, WINDOW.start)


async def test_an_offer_has_its_life_even_when_it_is_sold_out(storage: Storage) -> None:
    id = await watched(storage)
    life = await storage.offer_prices.life(id, SECOND_OFFER, WINDOW, 5)
    assert life.offer is not None
    assert (life.offer.price, life.offer.items_in_stock) == (90, 0)
    assert (life.offer.first_seen_at, life.offer.sold_out_at) == (BEGIN + 2 * MINUTE, BEGIN + 4 * MINUTE)
    assert life.prices.in_stock.keys() == {SECOND_OFFER}
    one_step = await storage.offer_prices.life(id, FIRST, WINDOW, 1)
    assert [each.valid_from for each in one_step.prices.in_stock[FIRST]] == [BEGIN + 10 * MINUTE]
    unknown = await storage.offer_prices.life(id, some_id(), WINDOW, 5)
    assert (unknown.offer, unknown.prices.in_stock) == (None, {})


async def test_changes_are_worked_out_for_a_bounded_number_at_a_time_in_the_order_of_ids(storage: Storage) -> None:
    assert INTERVAL == MINUTE
    ids = sorted([await watched(storage) for _ in range(3)])
    assert await storage.changes.refresh(UUID(int=0), 2) == ids[1]
    assert await storage.changes.refresh(ids[1], 2) == ids[2]
    assert await storage.changes.refresh(ids[2], 2) is None


async def test_one_offer_is_summed_over_any_window_with_the_times_at_which_its_extremes_were_reached(
    storage: Storage,
) -> None:
    id = await watched(storage)
    found = await storage.offer_prices.summary(id, FIRST, WINDOW)
    assert (found.open, found.close, found.known) == (None, 100, 9 * 60 * US)
    assert found.lowest == found.highest == Extreme(100, BEGIN + 10 * MINUTE)
    assert (found.in_stock, found.price_time) == (6 * 60 * US, 100 * 6 * 60 * US)
    other = await storage.offer_prices.summary(id, SECOND_OFFER, Window(BEGIN + 3 * MINUTE, BEGIN + 5 * MINUTE))
    assert (other.open, other.close, other.lowest) == (90, None, Extreme(90, BEGIN + 3 * MINUTE))
    window = Window(BEGIN, BEGIN + MINUTE)
    assert await storage.offer_prices.summary(id, some_id(), window) == PriceSummary(window, known=60 * US)
