"""The change of a price over a period."""

from decimal import Decimal

import pytest

from domain.prices.change import Direction, PriceChange, Reason, price_change
from domain.prices.price import PriceInForce, PriceState


def priced(price: int) -> PriceInForce:
    return PriceInForce(PriceState.IN_STOCK, price)


SOLD_OUT = PriceInForce(PriceState.OUT_OF_STOCK, None)
UNKNOWN = PriceInForce(PriceState.UNKNOWN, None)


@pytest.mark.parametrize(
    ("before", "after", "change", "percent", "direction"),
    [
        (100, 90, -10, "-10.0", Direction.DOWN),
        (90, 100, 10, "11.11", Direction.UP),
        (100, 100, 0, "0.0", Direction.FLAT),
        (7, 0, -7, "-100.0", Direction.DOWN),
        (100_000, 99_999, -1, "0.0", Direction.DOWN),
        (1, 2**63 - 1, 2**63 - 2, f"{(2**63 - 2) * 100}", Direction.UP),
        # Half to even: 0.125 % and 0.375 %.
        (800, 801, 1, "0.12", Direction.UP),
        (800, 803, 3, "0.38", Direction.UP),
        (800, 799, -1, "-0.12", Direction.DOWN),
    ],
)
def test_a_change_is_negative_when_it_got_cheaper(
    before: int, after: int, change: int, percent: str, direction: Direction
) -> None:
    assert price_change(priced(before), priced(after)) == PriceChange(change, Decimal(percent), direction)


def test_a_fall_too_small_to_show_is_not_minus_zero() -> None:
    assert str(price_change(priced(100_000), priced(99_999)).percent) == "0.00"


def test_no_percentage_is_of_nothing() -> None:
    assert price_change(priced(0), priced(5)) == PriceChange(5, None, Direction.UP, Reason.ZERO_BASELINE)
    assert price_change(priced(0), priced(0)) == PriceChange(0, None, Direction.FLAT, Reason.ZERO_BASELINE)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (None, priced(5), Reason.INSUFFICIENT_HISTORY),
        (None, None, Reason.INSUFFICIENT_HISTORY),
        (SOLD_OUT, priced(5), Reason.OUT_OF_STOCK),
        (priced(5), SOLD_OUT, Reason.OUT_OF_STOCK),
        (UNKNOWN, priced(5), Reason.UNKNOWN),
        (priced(5), UNKNOWN, Reason.UNKNOWN),
        (SOLD_OUT, UNKNOWN, Reason.OUT_OF_STOCK),
        (priced(0), SOLD_OUT, Reason.OUT_OF_STOCK),
    ],
)
def test_without_a_price_at_either_end_there_is_no_change_and_a_reason(
    before: PriceInForce | None, after: PriceInForce | None, reason: Reason
) -> None:
    assert price_change(before, after) == PriceChange(reason=reason)
