"""How a price changed over a period: the one in force at its start against the one at its end, never the last poll."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from domain.price import PriceInForce, PriceState
from domain.price_history import rounded


class Direction(StrEnum):
    """Where the price went."""

    UP = "up"
    DOWN = "down"
    FLAT = "flat"


class Reason(StrEnum):
    """Why a number is null."""

    INSUFFICIENT_HISTORY = "insufficient-history"
    OUT_OF_STOCK = "out-of-stock"
    UNKNOWN = "unknown"
    ZERO_BASELINE = "zero-baseline"
    BEYOND_RETENTION = "beyond-retention"


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A change of price; negative is cheaper. `percent` has two decimals; only it is None if the price was 0 before."""

    change: int | None = None
    percent: Decimal | None = None
    direction: Direction | None = None
    reason: Reason | None = None


def price_change(before: PriceInForce | None, after: PriceInForce | None) -> PriceChange:
    """Compare what was in force at the start and at the end of a period, None where nothing is recorded."""
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
