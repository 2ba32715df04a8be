"""The distribution of prices over the time in stock, and the verdict on the current one."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from domain.prices.history import PriceSummary, share
from domain.window import MICROSECOND

VERDICT_WINDOW = timedelta(days=7)
VERDICT_COVERAGE = (4, 5)
"""A verdict needs a window of this length, this share of it known (numerator, denominator)."""
JUDGED_WINDOW = timedelta(days=30)
"""The time over which pages judge a price."""


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


@dataclass(frozen=True, slots=True)
class PriceSpans:
    """For how many microseconds of a window the price was above or below the current one, as far as its buckets show.

    The buckets are whole ones, of which only the extremes are known; `unsummed` is the rest of the window, which lies
    before and behind them. `dearer` is the time in stock in buckets without a price at or below the current one,
    `not_dearer` in those without one above it, `cheaper` in those without one at or above it, `not_cheaper` in those
    without one below it.
    """

    unsummed: int
    known: int = 0
    in_stock: int = 0
    dearer: int = 0
    not_dearer: int = 0
    cheaper: int = 0
    not_cheaper: int = 0


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


def certain_verdict(spans: PriceSpans) -> Verdict | None:
    """Judge the current price over `JUDGED_WINDOW` by buckets; None unless `verdict` must say the same.

    The verdict holds for all prices and stock states that are possible within the buckets and outside them.
    """
    share, whole = VERDICT_COVERAGE
    if spans.known * whole < JUDGED_WINDOW // MICROSECOND * share:
        return None
    most = spans.in_stock + spans.unsummed
    if 4 * (spans.in_stock - spans.dearer) + 3 * spans.unsummed < spans.in_stock:
        return Verdict.LOW
    if spans.cheaper and 4 * spans.cheaper >= 3 * most:
        return Verdict.HIGH
    return Verdict.TYPICAL if 4 * spans.not_dearer >= most and 4 * spans.not_cheaper > most else None
