"""What an alert would have done, drawn above a price chart: marks in a lane, and lines down through the prices.

Told and suppressed firings differ by shape: the marks of the former are filled triangles, those of the latter hollow
circles over dashed lines.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

LANE, TOP, BOTTOM = -8, 10, 262
"""The middle of the lane, and the ends of the lines."""
BAR = 3
CLOSEST = 3.0
"""Marks of a kind that are nearer than this are drawn as one, so that a chart stays small however many there are."""


@dataclass(frozen=True, slots=True)
class Episode:
    """The time in which an alert would have fired; `resolved` tells whether it ended within the chart."""

    start: datetime
    end: datetime
    resolved: bool
    suppressed: bool


@dataclass(frozen=True, slots=True)
class EpisodeMarks:
    """The paths of one kind of firings; each is empty if there are none."""

    marks: str
    lines: str
    bars: str
    ends: str


def draw_episodes(episodes: Iterable[Episode], x: Callable[[datetime], float], *, suppressed: bool) -> EpisodeMarks:
    """Draw the firings of one kind; they ascend."""
    drawn: list[tuple[float, float, bool]] = []
    for each in episodes:
        if each.suppressed is suppressed:
            start, end = x(each.start), x(each.end)
            if drawn and start - drawn[-1][0] < CLOSEST:
                start = drawn.pop()[0]
            drawn.append((start, end, each.resolved))
    return EpisodeMarks(
        marks="".join(_circle(start) if suppressed else _triangle(start) for start, _, _ in drawn),
        lines="".join(f"M{start:g} {TOP}V{BOTTOM}" for start, _, _ in drawn),
        bars="".join(f"M{start:g} {LANE - BAR}H{end:g}v{2 * BAR}H{start:g}z" for start, end, _ in drawn if end > start),
        ends="".join(f"M{end:g} {LANE - 2 * BAR}v{4 * BAR}" for _, end, resolved in drawn if resolved),
    )


def _triangle(x: float) -> str:
    return f"M{x - 6:g} {LANE - 6}h12l-6 12z"


def _circle(x: float) -> str:
    return f"M{x - 5:g} {LANE}a5 5 0 1 0 10 0a5 5 0 1 0-10 0z"
