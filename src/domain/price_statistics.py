"""How prices were distributed over the time in stock, and what the current one is worth against that."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from domain.price_history import PriceSummary, share

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


def percentile(summary: PriceSummary, spread: PriceDistribution, current: int | None) -> float | None:
    """Return the share of the time in stock at higher prices than the current one, four decimals."""
    if current is None or spread.higher is None:
        return None
    return share(spread.higher, summary.in_stock)


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
