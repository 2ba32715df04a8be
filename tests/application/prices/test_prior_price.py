"""The lowest price before a moment agrees with a naive look at every time at which anything changes."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from application.prices.price_change import FindPriorOfferPrice, FindPriorPrice
from application.prices.views import PriorPriceView
from domain.offer import ObservedOffers, OfferInterval, TrackedOffer
from domain.prices.price import PriceState, PriceStep
from domain.prices.retention import Retention
from domain.product import Product
from domain.window import MICROSECOND
from fakes.price_readers import InMemoryOfferPriceReader, InMemoryPriceReader, kept, recorded_steps
from fakes.storage import InMemoryStorage
from specification.price_sums import in_force_at
from storages.random_histories import OFFERS, History, polls

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
START = NOW - timedelta(days=4)
PriceAt = Callable[[datetime], int | None]

moments = st.one_of(
    st.sampled_from([START + timedelta(seconds=seconds) for seconds in (0, 10, 300, 600, 3_600, 43_200, 90_000)]),
    st.integers(0, 4 * 86_400 * 10**6).map(lambda us: START + us * MICROSECOND),
)


@given(polls=polls, at=moments, days=st.integers(1, 5))
async def test_both_prior_prices_are_those_of_a_look_at_every_change(
    polls: Sequence[tuple[int, ObservedOffers, int]], at: datetime, days: int
) -> None:
    history, storage = History.of(START, polls), InMemoryStorage(lambda: NOW)
    id = history.product_id
    async with storage.begin() as work:
        await work.products.add(Product.create(id=id, name="Drill", description="", at=START))
        await work.offers.record([history.observation])
        await work.synchronisations.save(history.state)
        await work.commit()
    steps = recorded_steps(storage, id)
    changes = {time for step in steps for time in (step.valid_from, step.valid_to)}
    find = FindPriorPrice(InMemoryPriceReader(storage), lambda: NOW, kept(Retention()))
    assert_lowest(await find(id, at, days), _best_price(steps), changes)
    find_of_offer = FindPriorOfferPrice(InMemoryOfferPriceReader(storage), lambda: NOW, kept(Retention()))
    for offer_id in OFFERS:
        if (current := history.offers.get(offer_id)) is not None:
            own = [each for each in history.intervals if each.offer_id == offer_id]
            ends = {time for each in own for time in (each.valid_from, each.valid_to)}
            ends |= {time for time in (current.changed_at, current.known_until) if time}
            found = await find_of_offer(id, offer_id, at, days)
            assert_lowest(found, _own_price(steps, current, own), changes | ends)


def _best_price(steps: Sequence[PriceStep]) -> PriceAt:
    def price_at(time: datetime) -> int | None:
        found = in_force_at(steps, time)
        return found.price if found else None

    return price_at


def _own_price(steps: Sequence[PriceStep], current: TrackedOffer, ended: Sequence[OfferInterval]) -> PriceAt:
    def price_at(time: datetime) -> int | None:
        product = in_force_at(steps, time)
        if product is None or product.state is PriceState.UNKNOWN:
            return None
        if current.sold_out_at is None and current.changed_at <= time:
            return current.price if current.known_until is None or time < current.known_until else None
        return next((each.price for each in ended if each.valid_from <= time < each.valid_to), None)

    return price_at


def assert_lowest(found: PriorPriceView, price_at: PriceAt, changes: set[datetime]) -> None:
    """Compare with the prices at the start of the window and at every change within it."""
    start, end = found.window.start, found.window.end
    times = sorted({start, *(time for time in changes if start < time < end)})
    prices = [price_at(time) for time in times]
    lowest = min((price for price in prices if price is not None), default=None)
    reached = [
        time
        for time, price in zip(times, prices, strict=True)
        if price == lowest is not None and (time == start or price_at(time - MICROSECOND) != lowest)
    ]
    priced = sum(
        (following - time) // MICROSECOND
        for time, following, price in zip(times, [*times[1:], end], prices, strict=True)
        if price is not None
    )
    assert (found.price, found.reached_at, found.price_at) == (lowest, max(reached, default=None), price_at(end))
    assert found.coverage is not None
    assert abs(found.coverage - priced / ((end - start) // MICROSECOND)) <= 0.0001
