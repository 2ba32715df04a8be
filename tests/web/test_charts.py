"""What the charts draw: steps without bridged gaps, axes that fit, round ticks in the viewer's zone."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from application.prices.views import (
    BucketSeriesView,
    PriceBucketView,
    PriceHistoryView,
    PricePointView,
    StepSeriesView,
)
from domain.prices.price import PriceState
from domain.window import Window
from entrypoints.web.charts.axes import price_ticks, time_ticks
from entrypoints.web.charts.chart import BOTTOM, LEFT, RIGHT, TOP, draw
from entrypoints.web.charts.episodes import CLOSEST, Episode, draw_episodes
from entrypoints.web.charts.segments import Segment, segments
from entrypoints.web.charts.sparkline import sparkline
from entrypoints.web.formats import Formats
from entrypoints.web.sentences import chart_summary
from entrypoints.web.viewer import Viewer

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FORMATS = Formats(Viewer(Locale("en"), ZoneInfo("Europe/Prague"), ""), NOON)
UNKNOWN, OUT = PriceState.UNKNOWN, PriceState.OUT_OF_STOCK


def steps(*prices: int | PriceState) -> tuple[Window, list[Segment]]:
    """Return a window in which each price, or state without one, lasts for an hour."""
    window = Window(NOON - len(prices) * HOUR, NOON)
    points = [
        PricePointView(window.start + place * HOUR, None, price)
        if isinstance(price, PriceState)
        else PricePointView(window.start + place * HOUR, price, PriceState.IN_STOCK)
        for place, price in enumerate(prices)
    ]
    view = PriceHistoryView(window, "raw", [StepSeriesView(None, points)])
    return window, segments(view, points)


def test_a_line_goes_in_steps_and_ends_where_knowledge_ends() -> None:
    window, best = steps(100, 200, UNKNOWN, 150)
    chart = draw(window, best, [], FORMATS)
    assert chart.line.count("M") == 2
    first, second = chart.line.split("M")[1:]
    assert first.startswith(f"{LEFT} ")
    assert first.count("V") == 1
    assert second.endswith(f"H{RIGHT}")
    assert f"H{LEFT + (RIGHT - LEFT) / 2:g}" in first
    assert "C" not in chart.line
    assert "L" not in chart.line


def test_firings_are_marked_where_they_begin_and_end_and_suppressed_ones_are_apart() -> None:
    window, best = steps(100, 200, 150, 100)
    chart = draw(window, best, [], FORMATS, shown_too=50)
    at = [window.start + place * HOUR for place in range(5)]
    episodes = [
        Episode(at[0], at[1], resolved=True, suppressed=False),
        Episode(at[1], at[2], resolved=True, suppressed=True),
        Episode(at[3], at[4], resolved=False, suppressed=False),
    ]
    told = draw_episodes(episodes, chart.scale.x, suppressed=False)
    quarter = (RIGHT - LEFT) / 4
    assert re.findall(r"M([\d.]+) [\d.]+V", told.lines) == [f"{LEFT:g}", f"{LEFT + 3 * quarter:g}"]
    assert re.findall(r"M([\d.]+) ", told.ends) == [f"{LEFT + quarter:g}"]
    assert (told.marks.count("M"), told.marks.count("a"), told.bars.count("M")) == (2, 0, 2)
    suppressed = draw_episodes(episodes, chart.scale.x, suppressed=True)
    assert (suppressed.marks.count("M"), suppressed.marks.count("a")) == (1, 2)
    # The threshold lies within the chart, although no price does there.
    assert TOP < chart.scale.y(50) < BOTTOM
    assert "50" in [tick.label for tick in chart.prices]


def test_very_many_firings_are_drawn_small() -> None:
    window, best = steps(*[100, 200] * 12)
    chart = draw(window, best, [], FORMATS)
    length = (window.end - window.start) / 1_000
    episodes = [
        Episode(window.start + place * length, window.start + (place + 0.5) * length, resolved=True, suppressed=False)
        for place in range(1_000)
    ]
    drawn = draw_episodes(episodes, chart.scale.x, suppressed=False)
    assert sum(map(len, (drawn.marks, drawn.lines, drawn.bars, drawn.ends))) < 30_000
    starts = [float(each) for each in re.findall(r"M([\d.]+) ", drawn.lines)]
    assert all(after - before >= CLOSEST for before, after in pairwise(starts))
    assert RIGHT - starts[-1] < 2 * CLOSEST


def test_time_without_a_price_is_hatched_only_where_it_is_out_of_stock() -> None:
    window, best = steps(100, OUT, UNKNOWN, 100)
    chart = draw(window, best, [], FORMATS)
    quarter = (RIGHT - LEFT) / 4
    assert [(box.x, box.width) for box in chart.without] == [(LEFT + quarter, quarter)]
    assert [box.kind for box in chart.strip] == ["in_stock", "out_of_stock", "unknown", "in_stock"]


def test_without_a_price_there_is_no_price_axis_and_no_line() -> None:
    window, best = steps(OUT, UNKNOWN)
    chart = draw(window, best, [], FORMATS, band=(1, 2), average=1.5)
    assert (chart.line, chart.prices, chart.markers, chart.band, chart.average) == ("", [], [], None, None)
    assert chart_summary(best, FORMATS).endswith("no price is known.")


def test_one_price_is_drawn_in_the_middle_of_its_axis() -> None:
    window, best = steps(500)
    chart = draw(window, best, [], FORMATS)
    assert TOP < float(chart.line.split()[1].partition("H")[0]) < BOTTOM
    assert chart.markers == []
    assert "the price was 500" in chart_summary(best, FORMATS)


def test_the_lowest_and_the_highest_are_named_with_their_times() -> None:
    window, best = steps(100, 300, 200)
    labels = [marker.label for marker in draw(window, best, [], FORMATS).markers]
    assert [label.partition(",")[0] for label in labels] == ["100", "300"]
    assert all("Mar 14" in label for label in labels)


def test_a_bucket_shows_its_extremes_behind_its_last_price() -> None:
    window = Window(NOON - 2 * HOUR, NOON)
    points = [
        PriceBucketView(window.start, window.start + HOUR, 100, 120, 90, 400, Decimal("110.00"), 1.0, 1.0),
        PriceBucketView(window.start + HOUR, window.end, None, None, None, None, None, 0.0, 1.0),
    ]
    view = PriceHistoryView(window, "1h", [BucketSeriesView(None, points)])
    chart = draw(window, segments(view, points), [], FORMATS)
    (bar,) = chart.bars
    assert bar.y >= TOP
    assert bar.y + bar.height <= BOTTOM
    assert len(chart.without) == 1
    assert [each[1] is None for each in json.loads(chart.points)] == [False, True]


def test_no_line_bridges_buckets_in_which_an_offer_was_not_there() -> None:
    window = Window(NOON - 3 * HOUR, NOON)
    begins = (window.start, window.start + 2 * HOUR)
    points = [PriceBucketView(at, at + HOUR, 100, 100, 100, 100, Decimal("100.00"), 1.0, 1.0) for at in begins]
    view = PriceHistoryView(window, "1h", [BucketSeriesView(None, points)])
    (line,) = draw(window, [], [segments(view, points)], FORMATS).offers
    begun = [float(part.partition(" ")[0]) for part in line.split("M")[1:]]
    assert begun == [LEFT, pytest.approx(LEFT + (RIGHT - LEFT) * 2 / 3, abs=0.1)]


@given(st.lists(st.one_of(st.integers(0, 2**63 - 1), st.sampled_from([OUT, UNKNOWN])), min_size=1, max_size=30))
def test_whatever_is_drawn_lies_within_the_chart(prices: list[int | PriceState]) -> None:
    window, best = steps(*prices)
    chart = draw(window, best, [best], FORMATS)
    places = [(x, y) for x, y, _ in json.loads(chart.points)]
    assert all(LEFT <= x <= RIGHT and (y is None or TOP <= y <= BOTTOM) for x, y in places)
    assert all(TOP <= tick.at <= BOTTOM for tick in chart.prices)
    assert len(chart.prices) <= 5
    assert chart.offers == [chart.line]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 9), (100, 101), (27_000, 35_100), (1, 2**63), (0.5, 0.9)])
def test_price_ticks_are_few_whole_and_round(low: float, high: float) -> None:
    ticks = price_ticks(low, high)
    assert len(ticks) <= 5
    assert all(low <= tick <= high for tick in ticks)
    assert all(str(later - earlier).rstrip("0") in ("1", "2", "5") for earlier, later in zip(ticks, ticks[1:]))  # noqa: B905, RUF007


def test_days_begin_at_midnight_of_the_viewer_when_clocks_change() -> None:
    prague = ZoneInfo("Europe/Prague")
    window = Window(datetime(2026, 10, 22, 12, tzinfo=UTC), datetime(2026, 10, 28, 12, tzinfo=UTC))
    ticks, by_day = time_ticks(window, prague)
    assert by_day
    assert [at.astimezone(prague).hour for at in ticks] == [0] * 6
    assert {(later - earlier) / HOUR for earlier, later in zip(ticks, ticks[1:])} == {24, 25}  # noqa: B905, RUF007


@pytest.mark.parametrize("hours", [1, 24, 168, 720, 2_160, 17_520, 175_200])
def test_time_ticks_are_few(hours: int) -> None:
    ticks, _ = time_ticks(Window(NOON - hours * HOUR, NOON), ZoneInfo("Asia/Kathmandu"))
    assert 2 <= len(ticks) <= 9


def test_a_sparkline_keeps_gaps_and_is_empty_without_a_price() -> None:
    assert sparkline([None, None]) == ""
    assert sparkline([100, 100]).count("M") == 1
    assert "V" not in sparkline([100, 100])
    broken = sparkline([100, None, 90, 90])
    assert (broken.count("M"), broken.count("V")) == (2, 0)
