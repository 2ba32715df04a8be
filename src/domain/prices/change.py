"""The comparison of a price with earlier ones, never with the last poll.

The price in force at the end of a period is compared with the one at its start. A reduced price is compared with the
lowest of the days before it (EU Directive 98/6/EC, Article 6a).
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.prices.history import PriceSummary, rounded, share
from domain.prices.price import PriceInForce, PriceState


class Direction(StrEnum):
    """The direction of a change."""

    UP = "up"
    DOWN = "down"
    FLAT = "flat"


class Reason(StrEnum):
    """Why a number is null or incomplete."""

    INSUFFICIENT_HISTORY = "insufficient-history"
    OUT_OF_STOCK = "out-of-stock"
    UNKNOWN = "unknown"
    ZERO_BASELINE = "zero-baseline"
    BEYOND_RETENTION = "beyond-retention"
    SHORTER_HISTORY = "shorter-history"


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A change of price; negative is cheaper. `percent` has two decimals; only it is None if the price was 0 before."""

    change: int | None = None
    percent: Decimal | None = None
    direction: Direction | None = None
    reason: Reason | None = None


def price_change(before: PriceInForce | None, after: PriceInForce | None) -> PriceChange:
    """Compare the prices in force at the start and at the end of a period; None where nothing is recorded."""
    match before, after:
        case PriceInForce(price=int(first)), PriceInForce(price=int(last)):
            change = last - first
            direction = Direction.UP if change > 0 else Direction.DOWN if change < 0 else Direction.FLAT
            if first == 0:
                return PriceChange(change, None, direction, Reason.ZERO_BASELINE)
            return PriceChange(change, rounded(change * 100, first, 2), direction)
    return PriceChange(reason=_no_price(before) or _no_price(after))


def _no_price(found: PriceInForce | None) -> Reason | None:
    if found is None:
        return Reason.INSUFFICIENT_HISTORY
    match found.state:
        case PriceState.OUT_OF_STOCK:
            return Reason.OUT_OF_STOCK
        case PriceState.UNKNOWN:
            return Reason.UNKNOWN
        case PriceState.IN_STOCK:
            return None


@dataclass(frozen=True, slots=True)
class PriorPrice:
    """The lowest price before a moment, the latest time at which it was reached, and the price at the moment itself.

    `percent` compares the latter with the former, two decimals. `coverage` is the share of the time before in which
    there was a price, four decimals. `reason` says why something is None, or that the history is too short.
    """

    price: int | None = None
    reached_at: datetime | None = None
    price_at: int | None = None
    percent: Decimal | None = None
    coverage: float | None = None
    reason: Reason | None = None


def prior_price(before: PriceSummary, at: PriceInForce | None, *, from_start: bool) -> PriorPrice:
    """Take the lowest price of a window, and compare with it the one in force at the window's end.

    `from_start` says whether the history reaches back to the start of the window.
    """
    price_at = at.price if at else None
    coverage = share(before.in_stock, before.window.microseconds)
    if before.lowest is None:
        return PriorPrice(None, None, price_at, None, coverage, _no_prior_price(before, from_start=from_start))
    change = price_change(PriceInForce(PriceState.IN_STOCK, before.lowest.price), at)
    reason = change.reason if from_start else Reason.SHORTER_HISTORY
    return PriorPrice(before.lowest.price, before.lowest.at, price_at, change.percent, coverage, reason)


def _no_prior_price(before: PriceSummary, *, from_start: bool) -> Reason:
    if before.known:
        return Reason.OUT_OF_STOCK
    return Reason.UNKNOWN if from_start else Reason.INSUFFICIENT_HISTORY
