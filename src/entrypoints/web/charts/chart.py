"""The step chart of a product's price: all geometry, which the template only writes down.

A step ends where knowledge ends, so no gap is bridged; the price axis fits the visible prices.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.prices.price import PriceState
from domain.window import Window
from entrypoints.web.charts.axes import price_ticks, time_ticks
from entrypoints.web.charts.segments import Segment
from entrypoints.web.formats import Formats

WIDTH, HEIGHT = 960, 300
LEFT, RIGHT, TOP, BOTTOM = 84, 944, 18, 262
STRIP = 276
AIR = 0.08
"""The share of the price range that stays free above and below."""
MOST_OFFERS = 10
LABEL = 16
"""The height that a label below a marker takes."""


@dataclass(frozen=True, slots=True)
class AxisTick:
    """A place on an axis and its label."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; `kind` says how it is filled."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Marker:
    """The lowest or the highest price; the label stands left of the place in the chart's right half."""

    x: float
    y: float
    label: str
    below: bool

    @property
    def anchor(self) -> str:
        """How the label is aligned."""
        return "end" if self.x > WIDTH / 2 else "start"


class Scale:
    """Where times and prices lie in a chart."""

    def __init__(self, window: Window, low: float, high: float) -> None:
        self._start, self._seconds = window.start, (window.end - window.start).total_seconds()
        air = (high - low) * AIR or max(abs(high) * AIR, 1)
        self.low, self.high = max(low - air, 0 if low >= 0 else low - air), high + air

    def x(self, at: datetime) -> float:
        """Return where a time lies."""
        share = (at - self._start).total_seconds() / self._seconds
        return round(LEFT + share * (RIGHT - LEFT), 1)

    def y(self, price: float) -> float:
        """Return where a price lies."""
        return round(BOTTOM - (price - self.low) / (self.high - self.low) * (BOTTOM - TOP), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart in the coordinates of its SVG; without a price in the window it shows the time without one alone."""

    line: str
    offers: Sequence[str]
    bars: Sequence[Box]
    band: Box | None
    average: float | None
    without: Sequence[Box]
    strip: Sequence[Box]
    prices: Sequence[AxisTick]
    times: Sequence[AxisTick]
    markers: Sequence[Marker]
    broken: bool
    """Whether the price axis does not begin at zero."""
    points: str
    """The stretches for the keyboard, as JSON: x, y (null without a price), and the text to read out."""
    scale: Scale


def draw(
    window: Window,
    best: Sequence[Segment],
    offers: Sequence[Sequence[Segment]],
    formats: Formats,
    *,
    band: tuple[int, int] | None = None,
    average: float | None = None,
    shown_too: int | None = None,
) -> Chart:
    """Draw the best price, with single offers behind it, the band of typical prices and the average.

    The price axis reaches as far as the price that is to be shown, too.
    """
    shown = [*best, *(segment for offer in offers for segment in offer)]
    lows = [segment.low for segment in shown if segment.low is not None]
    highs = [segment.high for segment in shown if segment.high is not None]
    bounds = [] if shown_too is None or not lows else [shown_too]
    scale = Scale(window, min([*lows, *bounds], default=0), max([*highs, *bounds], default=1))
    times, by_day = time_ticks(window, formats.viewer.zone)
    label = formats.day if by_day else formats.clock
    priced = bool(lows)
    return Chart(
        line=_line(best, scale),
        offers=[_line(offer, scale) for offer in offers[:MOST_OFFERS]],
        bars=[_bar(each, scale) for each in best if each.low != each.high],
        band=_band(band, scale) if band and priced else None,
        average=scale.y(average) if average is not None and priced and scale.low <= average <= scale.high else None,
        without=[_box(each, scale, TOP, BOTTOM) for each in best if each.state is PriceState.OUT_OF_STOCK],
        strip=[_box(each, scale, STRIP, STRIP + 8) for each in _joined(best)],
        prices=[AxisTick(scale.y(price), formats.number(price)) for price in price_ticks(scale.low, scale.high)]
        if priced
        else [],
        times=[AxisTick(scale.x(at), label(at)) for at in times],
        markers=_markers(best, scale, formats),
        broken=priced and scale.low > 0,
        points=json.dumps(
            [_point(each, scale, formats) for each in _changes(best)], separators=(",", ":"), ensure_ascii=False
        ),
        scale=scale,
    )


def _line(segments: Iterable[Segment], scale: Scale) -> str:
    parts: list[str] = []
    reached: float | None = None
    level: float | None = None
    for segment in segments:
        if segment.price is None:
            reached = level = None
            continue
        x, y = scale.x(segment.start), scale.y(segment.price)
        if reached is None or x > reached:
            parts.append(f"M{x:g} {y:g}")
        elif y != level:
            parts.append(f"V{y:g}")
        reached, level = scale.x(segment.end), y
        parts.append(f"H{reached:g}")
    return "".join(parts)


def _bar(segment: Segment, scale: Scale) -> Box:
    x, top, bottom = scale.x(segment.start), scale.y(segment.high or 0), scale.y(segment.low or 0)
    return Box(x, top, round(max(scale.x(segment.end) - x, 1), 1), round(max(bottom - top, 1), 1), "range")


def _band(band: tuple[int, int], scale: Scale) -> Box | None:
    bottom, top = (_within(scale.y(price)) for price in band)
    return Box(LEFT, top, RIGHT - LEFT, round(bottom - top, 1), "typical") if bottom > top else None


def _within(y: float) -> float:
    return min(max(y, TOP), BOTTOM)


def _box(segment: Segment, scale: Scale, top: float, bottom: float) -> Box:
    x = scale.x(segment.start)
    return Box(x, top, round(scale.x(segment.end) - x, 1), bottom - top, segment.state.value)


def _joined(segments: Iterable[Segment]) -> list[Segment]:
    joined: list[Segment] = []
    for each in segments:
        if joined and joined[-1].state is each.state:
            last = joined[-1]
            joined[-1] = Segment(last.start, each.end, last.state, None, None, None)
        else:
            joined.append(each)
    return joined


def _markers(segments: Sequence[Segment], scale: Scale, formats: Formats) -> list[Marker]:
    lowest = min((each for each in segments if each.low is not None), key=lambda each: each.low or 0, default=None)
    highest = max((each for each in segments if each.high is not None), key=lambda each: each.high or 0, default=None)
    if lowest is None or highest is None or lowest.low == highest.high:
        return []

    def marker(price: int | None, of: Segment, *, below: bool) -> Marker:
        label = f"{formats.number(price)}, {of.moment(formats)}"
        y = scale.y(price or 0)
        return Marker(scale.x(of.start), y, label, below=below and y < BOTTOM - LABEL)

    return [marker(lowest.low, lowest, below=True), marker(highest.high, highest, below=False)]


def _changes(segments: Sequence[Segment]) -> Iterable[Segment]:
    """Leave out stretches that go on as the one before: keyboard users want the changes."""
    last: Segment | None = None
    for each in segments:
        if last is None or (each.state, each.price) != (last.state, last.price):
            yield each
        last = each


def _point(segment: Segment, scale: Scale, formats: Formats) -> tuple[float, float | None, str]:
    x = scale.x(segment.start)
    if segment.price is None:
        state = "out of stock" if segment.state is PriceState.OUT_OF_STOCK else "unknown"
        return x, None, f"{segment.moment(formats)}: {state}"
    return x, scale.y(segment.price), f"{segment.moment(formats)}: {formats.number(segment.price)}"
