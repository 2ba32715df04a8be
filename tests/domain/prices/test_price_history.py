"""The reference of all published numbers, against hand calculations and a model that looks at every second."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.offer import ObservedOffers, OfferInterval
from domain.prices.history import Extreme, PriceSummary, joined, rounded, share, tiled, tiled_offer
from domain.prices.price import PriceInForce, PriceState, PriceStep
from domain.prices.statistics import (
    JUDGED_WINDOW,
    PriceDistribution,
    PriceSpans,
    Verdict,
    certain_verdict,
    percentile,
    verdict,
)
from domain.window import MICROSECOND, BucketWidth, Window
from factories import some_id
from specification.price_sums import buckets, distribution, in_force_at, open_step, spans_of, summarized
from storages.random_histories import History, polls

START = datetime(2026, 3, 14, 23, 50, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
IN_STOCK, SOLD_OUT, UNKNOWN = PriceState.IN_STOCK, PriceState.OUT_OF_STOCK, PriceState.UNKNOWN
US = 10**6


def at(seconds: float) -> datetime:
    return START + seconds * SECOND


def step(price: int | None, begin: float, end: float, state: PriceState | None = None) -> PriceStep:
    return PriceStep(state or (SOLD_OUT if price is None else IN_STOCK), price, at(begin), at(end))


def recorded(history: History) -> list[PriceStep]:
    state = history.state
    assert state.best is not None
    assert state.known_until is not None
    return [*history.steps, open_step(state.best, state.known_until)]


windows = st.tuples(st.integers(-700, 90_000), st.integers(1, 90_000)).map(
    lambda ends: Window(at(ends[0]), at(ends[0] + ends[1]))
)


def test_tiles_are_cut_to_the_window_filled_up_and_joined_over_midnight() -> None:
    steps = [step(5, 0, 600), step(5, 600, 700), step(None, 700, 800), step(5, 900, 1_000)]
    assert tiled(steps, Window(at(-10), at(950))) == [
        step(None, -10, 0, UNKNOWN),
        step(5, 0, 700),
        step(None, 700, 800),
        step(None, 800, 900, UNKNOWN),
        step(5, 900, 950),
    ]
    assert tiled([], Window(at(0), at(1))) == [step(None, 0, 1, UNKNOWN)]
    assert tiled(steps, Window(at(1_000), at(1_001))) == [step(None, 1_000, 1_001, UNKNOWN)]


def test_an_offer_is_out_of_stock_where_the_product_is_known_and_unknown_elsewhere() -> None:
    id = some_id()
    intervals = [OfferInterval(id, 7, at(10), at(50)), OfferInterval(id, 8, at(60), at(90))]
    known = [Window(at(0), at(20)), Window(at(40), at(80))]
    assert tiled_offer(intervals, known, Window(at(-5), at(100))) == [
        step(None, -5, 0, UNKNOWN),
        step(None, 0, 10),
        step(7, 10, 20),
        step(None, 20, 40, UNKNOWN),
        step(7, 40, 50),
        step(None, 50, 60),
        step(8, 60, 80),
        step(None, 80, 100, UNKNOWN),
    ]


def test_what_is_in_force_begins_with_the_first_step_and_is_unknown_in_a_hole() -> None:
    steps = [step(5, 0, 10), step(None, 20, 30)]
    assert in_force_at(steps, at(-1)) is None
    assert in_force_at(steps, at(0)) == PriceInForce(IN_STOCK, 5)
    assert in_force_at(steps, at(10)) == in_force_at(steps, at(30)) == PriceInForce(UNKNOWN, None)
    assert in_force_at(steps, at(29)) == PriceInForce(SOLD_OUT, None)


def test_a_sum_ignores_neither_time_nor_gaps() -> None:
    summary = summarized(
        tiled([step(100, 0, 10), step(40, 10, 40), step(None, 40, 50), step(100, 70, 80)], Window(at(0), at(100)))
    )
    assert summary == PriceSummary(
        Window(at(0), at(100)),
        open=100,
        close=None,
        lowest=Extreme(40, at(10)),
        highest=Extreme(100, at(70)),
        price_time=(100 * 10 + 40 * 30 + 100 * 10) * US,
        in_stock=50 * US,
        known=60 * US,
    )
    assert (summary.average, summary.coverage) == (Decimal(64), 0.6)
    assert (summary.in_stock_share, summary.out_of_stock_share) == (0.8333, 0.1667)


@pytest.mark.parametrize("price", [9_007_199_254_740_993, 2**63 - 1, 0])
def test_the_average_of_one_price_is_that_price(price: int) -> None:
    assert summarized([step(price, 0, 7)]).average == price


@given(st.lists(st.tuples(st.integers(0, 2**63 - 1), st.integers(1, 10**6)), min_size=1, max_size=5))
def test_an_average_is_never_outside_the_extremes(prices: list[tuple[int, int]]) -> None:
    ends = list(accumulate(length for _, length in prices))
    starts = [0, *ends]
    summary = summarized([step(price, *times) for (price, _), times in zip(prices, pairwise(starts), strict=True)])
    assert summary.lowest is not None
    assert summary.highest is not None
    assert summary.average is not None
    assert summary.lowest.price <= summary.average <= summary.highest.price


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(0, 7, 0.0), (7, 7, 1.0), (1, 10**6, 0.0001), (10**6 - 1, 10**6, 0.9999), (1, 3, 0.3333), (0, 0, None)],
)
def test_a_share_is_none_or_all_only_if_it_is_exactly_that(part: int, whole: int, expected: float | None) -> None:
    assert share(part, whole) == expected


def test_of_nothing_there_is_no_average_and_no_share() -> None:
    nothing = summarized(tiled([], Window(at(0), at(10))))
    assert (nothing.average, nothing.in_stock_share, nothing.out_of_stock_share) == (None, None, None)
    assert (nothing.coverage, nothing.lowest, nothing.highest) == (0.0, None, None)
    sold_out = summarized([step(None, 0, 10)])
    assert (sold_out.average, sold_out.in_stock_share, sold_out.coverage) == (None, 0.0, 1.0)


def test_a_price_that_is_reached_again_was_reached_then_but_not_at_midnight() -> None:
    steps = [step(9, 0, 10), step(5, 10, 20), step(9, 20, 30), step(5, 30, 600), step(5, 600, 700), step(9, 700, 800)]
    for width in BucketWidth:
        parts = buckets(steps, width.grid(Window(at(0), at(800))))
        assert joined(parts, Window(at(0), at(800))).lowest == Extreme(5, at(30))
        assert joined(parts, Window(at(0), at(800))).highest == Extreme(9, at(700))


def test_buckets_are_clipped_to_the_window_and_stand_for_nothing_known_too() -> None:
    steps = [step(5, 0, 400), step(7, 400, 650)]
    found = buckets(steps, BucketWidth.FIVE_MINUTES.grid(Window(at(100), at(1_250))))
    assert [(each.window, each.open, each.close, each.average, each.coverage) for each in found] == [
        (Window(at(100), at(300)), 5, 5, Decimal(5), 1.0),
        (Window(at(300), at(600)), 5, 7, Decimal("6.33"), 1.0),
        (Window(at(600), at(900)), 7, None, Decimal(7), 0.1667),
        (Window(at(900), at(1_200)), None, None, None, 0.0),
        (Window(at(1_200), at(1_250)), None, None, None, 0.0),
    ]


@pytest.mark.parametrize(
    ("numerator", "denominator", "decimals", "expected"),
    [
        (1, 3, 2, "0.33"),
        (2, 3, 4, "0.6667"),
        (1, 8, 2, "0.12"),
        (3, 8, 2, "0.38"),
        (-1, 8, 2, "-0.12"),
        (-3, 8, 2, "-0.38"),
        (5, 2, 0, "2"),
        (0, 7, 2, "0.00"),
        (-1, 1_000, 2, "0.00"),
        (2**63 - 1, 1, 2, "9223372036854775807.00"),
    ],
)
def test_rounding_is_half_to_even(numerator: int, denominator: int, decimals: int, expected: str) -> None:
    assert str(rounded(numerator, denominator, decimals)) == expected


def test_nothing_is_divided_by_nothing() -> None:
    assert rounded(5, 0, 2) is None


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**20), st.sampled_from([0, 2, 4]))
def test_rounding_is_that_of_exact_fractions(numerator: int, denominator: int, decimals: int) -> None:
    exact = round(Fraction(numerator, denominator) * 10**decimals)
    assert rounded(numerator, denominator, decimals) == Fraction(exact, 10**decimals)


def every_second(steps: Sequence[PriceStep], window: Window) -> list[PriceInForce]:
    """Return the result of a model that looks at every second; histories here change at whole seconds only."""
    seconds = int((window.end - window.start) / SECOND)
    return [in_force_at(steps, window.start + n * SECOND) or PriceInForce(UNKNOWN, None) for n in range(seconds)]


whole_seconds = polls.map(
    lambda polls: [(max(pause // US, 1) % 700 * US + US, answer, interval % 100) for pause, answer, interval in polls]
)
short_windows = st.tuples(st.integers(-20, 1_500), st.integers(1, 900)).map(
    lambda ends: Window(at(ends[0]), at(ends[0] + ends[1]))
)


@given(whole_seconds, short_windows)
def test_all_sums_are_those_of_a_model_that_looks_at_every_second(
    polls: list[tuple[int, ObservedOffers, int]], window: Window
) -> None:
    steps = recorded(History.of(START, polls))
    seen, summary = every_second(steps, window), summarized(tiled(steps, window))
    prices = [found.price for found in seen if found.price is not None]
    assert summary.price_time == sum(prices) * US
    assert summary.in_stock == len(prices) * US
    assert summary.known == sum(found.state is not UNKNOWN for found in seen) * US
    assert (summary.open, summary.close) == (seen[0].price, seen[-1].price)
    for extreme, price in ((summary.lowest, min(prices, default=None)), (summary.highest, max(prices, default=None))):
        assert (extreme and extreme.price) == price
        if extreme is not None:
            (last,) = [n for n, found in enumerate(seen) if found.price == price and (n == 0 or seen[n - 1] != found)][
                -1:
            ]
            assert extreme.at == window.start + last * SECOND


@given(whole_seconds, short_windows, st.one_of(st.none(), st.integers(0, 4)))
def test_quantiles_and_percentile_are_those_of_the_sorted_seconds(
    polls: list[tuple[int, ObservedOffers, int]], window: Window, current: int | None
) -> None:
    tiles = tiled(recorded(History.of(START, polls)), window)
    seen = every_second(tiles, window)
    prices = sorted(found.price for found in seen if found.price is not None)
    quartiles = [prices[-(-len(prices) * quarters // 4) - 1] if prices else None for quarters in (1, 2, 3)]
    spread = distribution(tiles, current)
    assert [spread.p25, spread.median, spread.p75] == quartiles
    higher = sum(current is not None and price > current for price in prices)
    assert spread.higher == higher * US
    expected = None if current is None else share(higher, len(prices))
    assert percentile(summarized(tiles), spread, current) == expected


@given(polls, windows, st.sampled_from(BucketWidth))
def test_zoom_never_changes_the_facts(
    polls: list[tuple[int, ObservedOffers, int]], window: Window, width: BucketWidth
) -> None:
    steps = recorded(History.of(START, polls))
    whole, parts = summarized(tiled(steps, window)), buckets(steps, width.grid(window))
    lows = [part.lowest.price for part in parts if part.lowest]
    highs = [part.highest.price for part in parts if part.highest]
    assert min(lows, default=None) == (whole.lowest and whole.lowest.price)
    assert max(highs, default=None) == (whole.highest and whole.highest.price)
    assert joined(parts, window) == whole
    # What nothing is known of may be left out.
    assert joined([part for part in parts if part.known], window) == whole


def test_a_quantile_is_the_smallest_price_whose_time_reaches_it() -> None:
    tiles = [step(40, 0, 25), step(10, 25, 50), step(30, 50, 75), step(20, 75, 100)]
    assert distribution(tiles, 20) == PriceDistribution(10, 20, 30, 50 * US)
    assert distribution([step(None, 0, 5)], None) == PriceDistribution(None, None, None, 0)


def judged(current: int | None, *, days: float = 7, known: float = 1.0) -> Verdict | None:
    """Judge a price against a window in which it was 100, 200 and 300 for a quarter, a half and a quarter."""
    length = days * DAY
    window = Window(START, START + length)
    summary = PriceSummary(window, known=int(window.microseconds * known), in_stock=1)
    return verdict(summary, PriceDistribution(100, 200, 300, 0), current)


def test_a_price_is_judged_by_the_quartiles() -> None:
    assert judged(99) is Verdict.LOW
    assert judged(100) is judged(200) is judged(300) is Verdict.TYPICAL
    assert judged(301) is Verdict.HIGH


def test_there_is_no_verdict_without_a_price_or_on_too_little() -> None:
    assert judged(None) is None
    assert judged(99, days=7 - 1e-9) is None
    assert judged(99, known=0.8) is Verdict.LOW
    assert judged(99, known=0.799999) is None
    window = Window(START, START + 7 * DAY)
    assert verdict(PriceSummary(window, known=window.microseconds), PriceDistribution(), 99) is None


@given(
    st.lists(st.sampled_from([80, 90, 100, 110, 120, IN_STOCK, SOLD_OUT, UNKNOWN]), min_size=1, max_size=12),
    st.integers(1, 40 * 24),
    st.integers(0, 23),
    st.integers(80, 120),
    st.sampled_from([BucketWidth.HOUR, BucketWidth.DAY]),
)
def test_a_verdict_by_buckets_is_the_one_that_the_steps_give(
    prices: list[int | PriceState], hours: int, rest: int, current: int, width: BucketWidth
) -> None:
    window = Window(START - JUDGED_WINDOW, START)
    begin = window.start - DAY
    steps = [
        PriceStep(
            price if isinstance(price, PriceState) and price is not IN_STOCK else IN_STOCK,
            current if price is IN_STOCK else None if isinstance(price, PriceState) else price,
            begin + number * hours * HOUR / 7,
            begin + (number + 1) * hours * HOUR / 7,
        )
        for number, price in enumerate(prices * 40)
    ]
    summed = Window(width.ceil(window.start), width.floor(window.end - rest * HOUR))
    certain = certain_verdict(spans_of(buckets(steps, width.grid(summed)), current))
    tiles = tiled(steps, window)
    assert certain in (None, verdict(summarized(tiles), distribution(tiles, current), current))


def test_a_verdict_by_buckets_is_certain_where_hardly_anything_is_left_out() -> None:
    month = JUDGED_WINDOW // MICROSECOND

    def judged(dearer: float, cheaper: float, unsummed: float = 0.03) -> Verdict | None:
        summed = 1 - unsummed
        parts = (summed, summed, dearer, summed - dearer, cheaper, summed - cheaper)
        return certain_verdict(PriceSpans(int(unsummed * month), *(int(part * month) for part in parts)))

    assert judged(0.8, 0.1) is Verdict.LOW
    assert judged(0.1, 0.8) is Verdict.HIGH
    assert judged(0.4, 0.4) is Verdict.TYPICAL
    assert judged(0.74, 0.2) is None
    assert judged(0.2, 0.74) is None
    assert judged(0.6, 0.0, unsummed=0.3) is None
