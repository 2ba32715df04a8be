"""How prices were distributed over the time in stock, and what the current one is worth against that."""

from collections.abc import Sequence
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
    return _compared(current, spread.p25, spread.p75)


def verdict_by_samples(prices: Sequence[int | None], current: int) -> Verdict | None:
    """Judge the current price by prices that were in force at regular times; None if too few of them are known.

    Samples at regular times weigh prices by time, as `verdict` does, but know the quartiles less exactly. Where one
    is None the product was out of stock or its price unknown, so this judges somewhat less often.
    """
    share, whole = VERDICT_COVERAGE
    known = sorted(price for price in prices if price is not None)
    if not known or len(known) * whole < len(prices) * share:
        return None
    # The smallest price that has a quarter, three quarters, of the samples up to it.
    return _compared(current, known[-(-len(known) // 4) - 1], known[-(-3 * len(known) // 4) - 1])


def _compared(current: int, p25: int, p75: int) -> Verdict:
    if current < p25:
        return Verdict.LOW
    return Verdict.HIGH if current > p75 else Verdict.TYPICAL
