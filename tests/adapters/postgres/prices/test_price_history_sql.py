"""What PostgreSQL sums agrees with the domain on every field, exactly, and still does when the steps are gone."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from application.catalogue.listing import ProductFilter
from application.prices.offer_history import ReadOfferHistory
from application.prices.price_change import ComparePrices, FindPriorOfferPrice, FindPriorPrice
from application.prices.price_history import ReadOfferPriceHistory, ReadPriceHistory, in_finest_interval
from application.prices.price_statistics import SummarisePrices
from domain.offer import ObservedOffers, Offer
from domain.prices.calendar import Interval, LocalBuckets
from domain.prices.retention import Retention
from domain.prices.statistics import JUDGED_WINDOW, Verdict
from domain.product import Product
from domain.window import MICROSECOND, BucketWidth, Window
from fakes.price_readers import kept
from storages.random_histories import OFFERS, History, polls
from storages.storage import Storage, in_memory, on_postgres

# A hundred examples take a quarter of a minute, or many times that beside other work.
pytestmark = pytest.mark.timeout(6 * max(100, settings().max_examples))

DAYS = 4
NOW = datetime.now(UTC)
MIDNIGHT = BucketWidth.DAY.floor(NOW)
DAY = timedelta(days=1)
START = MIDNIGHT - timedelta(days=DAYS, minutes=10)
SHORT = Retention(offer_days=1, step_days=1, five_minute_days=2, hourly_days=3)
"""Less is kept than the histories span, so that windows reach into every kind of bucket."""


class Changing(tzinfo):
    """A zone whose clock is moved by so many hours, at a time in UTC at which it showed five o'clock."""

    def __init__(self, changed: datetime, *, hours: float) -> None:
        self._offsets = timedelta(hours=5), timedelta(hours=5 + hours)
        self._changed = changed.replace(tzinfo=None)

    def fromutc(self, at: datetime) -> datetime:
        before, after = self._offsets
        offset = before if at.replace(tzinfo=None) < self._changed else after
        twice = offset == after < before and at.replace(tzinfo=None) < self._changed + before - after
        return (at + offset).replace(fold=int(twice))

    def utcoffset(self, wall: datetime | None) -> timedelta:
        assert wall is not None
        before, after = self._offsets
        # As PEP 495 wants it for times that the clock shows twice, or never.
        latest = (min if wall.fold else max)(before, after)
        return before if wall.replace(tzinfo=None, fold=0) < self._changed + latest else after

    def dst(self, wall: datetime | None) -> None:
        return None

    def tzname(self, wall: datetime | None) -> None:
        return None


# Mostly where something may happen, and anywhere else.
moments = st.one_of(
    st.sampled_from([START + timedelta(seconds=seconds) for seconds in (0, 10, 300, 600, 601, 3_600, 90_000, 200_000)]),
    st.integers(-3_600 * 10**6, (DAYS * 86_400 + 600) * 10**6).map(lambda us: START + timedelta(microseconds=us)),
)
zones = st.sampled_from(
    [ZoneInfo("Asia/Kathmandu"), *(Changing(MIDNIGHT - 2 * DAY, hours=hours) for hours in (-1, 0.5, 1))]
)
windows = st.tuples(moments, moments).filter(lambda ends: ends[0] < ends[1]).map(lambda ends: Window(*ends))


@dataclass
class Insight:
    """All use-cases over one storage."""

    storage: Storage
    retention: Retention

    def __post_init__(self) -> None:
        prices, offers, clock = self.storage.prices, self.storage.offer_prices, lambda: NOW
        retention = kept(self.retention)
        self.histories: list[ReadPriceHistory | ReadOfferPriceHistory] = [
            ReadPriceHistory(prices, clock, retention),
            ReadOfferPriceHistory(offers, clock, retention),
        ]
        self.change = ComparePrices(prices, clock, retention)
        self.statistics = SummarisePrices(prices, clock, retention)
        self.offer = ReadOfferHistory(offers, clock, retention)
        self.prior_price = FindPriorPrice(prices, clock, retention)
        self.prior_offer_price = FindPriorOfferPrice(offers, clock, retention)


async def store(storage: Storage, history: History, created_at: datetime = START) -> None:
    async with storage.begin() as work:
        id = history.product_id
        await work.products.add(Product.create(id=id, name=str(id), description="", at=created_at))
        await work.offers.record([history.observation])
        await work.synchronisations.save(history.state)
        await work.commit()


async def everything(insight: Insight, id: UUID, window: Window, zone: tzinfo) -> list[Any]:
    """Return every answer about the window, the refusals too."""
    asked: list[Callable[[], Awaitable[object]]] = [
        partial(insight.change, id, window),
        partial(insight.statistics, id, window),
        *(partial(insight.prior_price, id, at, days) for at in (window.start, window.end) for days in (1, 2, 30)),
    ]
    for offer_id in OFFERS:
        asked += [partial(insight.prior_offer_price, id, offer_id, window.end, days) for days in (1, 30)]
    for history in insight.histories:
        asked += [partial(history, id, window, interval) for interval in (None, *Interval)]
        asked += [partial(history, id, window, interval, zone) for interval in (Interval.HOUR, Interval.DAY)]
        asked += [partial(in_finest_interval, history, id, window, each) for each in (UTC, zone)]
    asked += [partial(insight.offer, id, offer_id) for offer_id in OFFERS]
    if insight.retention == Retention():
        prices, offers = insight.storage.prices, insight.storage.offer_prices
        asked += [partial(prices.buckets, id, window, width) for width in BucketWidth]
        bounds = LocalBuckets(Interval.DAY, zone).bounds(window)
        width = insight.retention.adding_up(bounds, BucketWidth, NOW)
        assert width is not None
        asked += [partial(prices.sums, id, bounds, width), partial(offers.sums, id, bounds, 1_000)]
    answers = []
    for ask in asked:
        try:
            answers.append(await ask())
        except Exception as error:  # noqa: BLE001 - refusals are compared too
            answers.append(repr(error))
    return answers


@settings(max_examples=settings().max_examples // 4)
@given(polls=polls, asked=st.lists(windows, min_size=1, max_size=2), zone=zones)
async def test_the_database_and_the_domain_agree(
    engine: AsyncEngine, polls: Sequence[tuple[int, ObservedOffers, int]], asked: list[Window], zone: tzinfo
) -> None:
    history = History.of(START, polls)
    real, reference = on_postgres(engine), in_memory()
    await store(real, history)
    await store(reference, history)
    await assert_agree(Insight(real, Retention()), Insight(reference, Retention()), history, asked, zone)


@settings(max_examples=settings().max_examples // 4)
@given(polls=polls, asked=st.lists(windows, min_size=1, max_size=2), zone=zones)
async def test_rolling_up_and_dropping_steps_changes_no_number_for_what_stays(
    engine: AsyncEngine, polls: Sequence[tuple[int, ObservedOffers, int]], asked: list[Window], zone: tzinfo
) -> None:
    history = History.of(START, polls)
    real, reference = on_postgres(engine), in_memory()
    await store(real, history)
    await store(reference, history)
    while await real.history.roll_up(10):
        pass
    for retention in (Retention(), SHORT):
        if retention is SHORT:
            await drop_what_is_not_kept(engine, history)
        await assert_agree(Insight(real, retention), Insight(reference, retention), history, asked, zone)


@given(polls=polls, hours=st.sampled_from([1, 20, 24, 25, 100, 167, 168, 169]))
async def test_the_changes_to_sort_by_are_those_that_the_domain_finds(
    engine: AsyncEngine, polls: Sequence[tuple[int, ObservedOffers, int]], hours: int
) -> None:
    history = History.of(NOW - timedelta(hours=hours, minutes=3), polls)
    real, reference = on_postgres(engine), in_memory()
    for storage in (real, reference):
        await store(storage, history)
    id, insight = history.product_id, Insight(reference, Retention())

    async def found() -> list[int | None]:
        now = datetime.now(UTC)
        return [(await insight.change(id, Window(now - timedelta(days=days), now))).change for days in (1, 7)]

    before = await found()
    # The whole catalogue would take too long: only the product behind an id is refreshed.
    assert await real.changes.refresh(UUID(int=id.int - 1), 1) == id
    async with engine.connect() as connection:
        kept = text("SELECT change_1d, change_7d FROM insight WHERE product_id = :id")
        changes = (await connection.execute(kept, {"id": id})).one()
    assert list(changes) in (before, await found())


@pytest.mark.parametrize("hours", [20, 150, 193, 200])
@pytest.mark.parametrize("prices", [(100, 90, None, 95), (100, 100, 100)], ids=["moving", "still"])
async def test_trends_and_lows_are_those_that_the_steps_give(
    engine: AsyncEngine, hours: int, prices: Sequence[int | None]
) -> None:
    began = NOW - timedelta(hours=hours, minutes=3)
    offers = [ObservedOffers({} if price is None else {OFFERS[0]: Offer(OFFERS[0], price, 1)}) for price in prices]
    history = History.of(began, [(hours * 700 * 10**6, answer, 50_000) for answer in offers])
    id, now = history.product_id, datetime.now(UTC)
    real, reference = on_postgres(engine), in_memory()
    for storage in (real, reference):
        await store(storage, history, created_at=began)
    before = (await real.trends.of([id], now))[id]
    while await real.history.roll_up(10):
        pass
    for storage in (real, reference):
        await storage.changes.refresh(UUID(int=id.int - 1), 1)
    found, expected = (await real.trends.of([id], now))[id], (await reference.trends.of([id], now))[id]
    assert before.prices == found.prices == expected.prices
    assert {None, *prices} >= set(found.prices) > {None}
    assert found.low_7d == expected.low_7d
    assert (found.verdict, found.offers) == (expected.verdict, expected.offers)
    for wanted in (ProductFilter(at_low=True), ProductFilter(dropped=True)):
        pages = [await storage.reader.products(100, wanted=wanted) for storage in (real, reference)]
        assert [each.id for each in pages[0].items if each.id == id] == [each.id for each in pages[1].items]


@pytest.mark.parametrize(("price", "verdict"), [(90, Verdict.LOW), (100, Verdict.TYPICAL), (110, Verdict.HIGH)])
async def test_a_month_gives_the_verdict_that_the_steps_give(engine: AsyncEngine, price: int, verdict: Verdict) -> None:
    began = NOW - timedelta(days=29)
    shown = [ObservedOffers({OFFERS[0]: Offer(OFFERS[0], each, 1)}) for each in (95, 100, 100, 105, price)]
    gaps = [timedelta(0), *[timedelta(days=7)] * 3, timedelta(days=8) - timedelta(hours=2)]
    polls = [(gap // MICROSECOND, each, 3 * 86_400) for gap, each in zip(gaps, shown, strict=True)]
    history = History.of(began, polls)
    id, now = history.product_id, datetime.now(UTC)
    real, reference = on_postgres(engine), in_memory()
    for storage in (real, reference):
        await store(storage, history, created_at=began)
    while await real.history.roll_up(10):
        pass
    for storage in (real, reference):
        assert (await storage.trends.of([id], now))[id].verdict is verdict
    window = Window(now - JUDGED_WINDOW, now)
    assert (await Insight(real, Retention()).statistics(id, window)).verdict is verdict


async def test_an_unknown_product_has_an_empty_trend(engine: AsyncEngine) -> None:
    (trend,) = (await on_postgres(engine).trends.of([UUID(int=1)], NOW)).values()
    assert (set(trend.prices), trend.change_1d, trend.low_7d) == ({None}, None, None)
    assert (trend.verdict, trend.offers) == (None, 0)


async def assert_agree(real: Insight, reference: Insight, history: History, asked: list[Window], zone: tzinfo) -> None:
    for window in asked:
        expected = await everything(reference, history.product_id, window, zone)
        for found, answer in zip(await everything(real, history.product_id, window, zone), expected, strict=True):
            assert found == answer


async def drop_what_is_not_kept(engine: AsyncEngine, history: History) -> None:
    async with engine.begin() as connection:
        for table, column, since in (
            ("best_price_step", "valid_from", SHORT.steps_since(NOW)),
            ("best_price_bucket_5m", "at", SHORT.buckets_since(BucketWidth.FIVE_MINUTES, NOW)),
            ("best_price_bucket_1h", "at", SHORT.buckets_since(BucketWidth.HOUR, NOW)),
        ):
            drop = text(f"DELETE FROM {table} WHERE product_id = :id AND {column} < :since")
            await connection.execute(drop, {"id": history.product_id, "since": since})
