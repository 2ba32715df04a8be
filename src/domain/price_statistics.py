"""How prices were distributed over the time in stock, and what the current one is worth against that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from domain.price import PriceStep
from domain.price_history import PriceSummary, rounded
from domain.window import MICROSECOND

VERDICT_WINDOW = timedelta(days=7)
VERDICT_COVERAGE = (4, 5)
"""A verdict needs a window of this length, this share of it known (numerator, denominator)."""


class Verdict(StrEnum):
    """Low is below the lower quartile, high above the upper one."""

    LOW = "low"
    TYPICAL = "typical"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class PriceDistribution:
    """Quartiles weighted by time, and for how many microseconds the price was above the current one.

    A quantile is the smallest price whose cumulative time reaches its share of the time in stock. All is None where
    single prices are no longer kept.
    """

    p25: int | None = None
    median: int | None = None
    p75: int | None = None
    higher: int | None = None


def distribution(tiles: Sequence[PriceStep], current: int | None) -> PriceDistribution:
    """Distribute the prices of a window's tiles (`price_history.tiled`)."""
    durations: dict[int, int] = {}
    for tile in tiles:
        if tile.price is not None:
            length = (tile.valid_to - tile.valid_from) // MICROSECOND
            durations[tile.price] = durations.get(tile.price, 0) + length
    higher = sum(length for price, length in durations.items() if current is not None and price > current)
    return PriceDistribution(_quantile(durations, 1), _quantile(durations, 2), _quantile(durations, 3), higher)


def percentile(summary: PriceSummary, spread: PriceDistribution, current: int | None) -> float | None:
    """Return the share of the time in stock at higher prices than the current one, four decimals."""
    if current is None or spread.higher is None:
        return None
    return rounded(spread.higher, summary.in_stock, 4)


def verdict(summary: PriceSummary, spread: PriceDistribution, current: int | None) -> Verdict | None:
    """Judge the current price; None without one, or if too little is known to judge by."""
    window = summary.window
    share, whole = VERDICT_COVERAGE
    if window.end - window.start < VERDICT_WINDOW or summary.known * whole < window.microseconds * share:
        return None
    if current is None or spread.p25 is None or spread.p75 is None:
        return None
    if current < spread.p25:
        return Verdict.LOW
    return Verdict.HIGH if current > spread.p75 else Verdict.TYPICAL


def _quantile(durations: Mapping[int, int], quarters: int) -> int | None:
    total, reached = sum(durations.values()), 0
    for price in sorted(durations):
        reached += durations[price]
        if reached * 4 >= total * quarters:
            return price
    return None
