"""The lowest price before a moment, and the price at the moment against it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from domain.prices.change import PriorPrice, Reason, prior_price
from domain.prices.history import Extreme, PriceSummary
from domain.prices.price import PriceInForce, PriceState
from domain.window import Window

END = datetime(2026, 11, 27, tzinfo=UTC)
WINDOW = Window(END - timedelta(days=30), END)
REACHED = END - timedelta(days=3)
WHOLE = WINDOW.microseconds
SOLD_OUT, UNKNOWN = (PriceInForce(state, None) for state in (PriceState.OUT_OF_STOCK, PriceState.UNKNOWN))


def priced(price: int) -> PriceInForce:
    return PriceInForce(PriceState.IN_STOCK, price)


def lowest(price: int) -> PriceSummary:
    return PriceSummary(WINDOW, lowest=Extreme(price, REACHED), in_stock=WHOLE // 2, known=WHOLE)


@pytest.mark.parametrize(
    ("before", "at", "percent", "reason"),
    [
        (1000, priced(800), "-20.00", None),
        (1000, priced(1000), "0.00", None),
        (1000, priced(1200), "20.00", None),
        # Half to even: 0.125 % and 0.375 %.
        (800, priced(801), "0.12", None),
        (800, priced(803), "0.38", None),
        (0, priced(5), None, Reason.ZERO_BASELINE),
        (1000, SOLD_OUT, None, Reason.OUT_OF_STOCK),
        (1000, UNKNOWN, None, Reason.UNKNOWN),
    ],
)
def test_the_price_at_the_moment_is_compared_with_the_lowest_before(
    before: int, at: PriceInForce, percent: str | None, reason: Reason | None
) -> None:
    found = prior_price(lowest(before), at, from_start=True)
    assert found == PriorPrice(before, REACHED, at.price, None if percent is None else Decimal(percent), 0.5, reason)


@pytest.mark.parametrize("at", [priced(800), SOLD_OUT])
def test_a_history_that_begins_later_is_said_to_be_shorter_whatever_else_is_missing(at: PriceInForce) -> None:
    found = prior_price(lowest(1000), at, from_start=False)
    assert (found.price, found.price_at, found.reason) == (1000, at.price, Reason.SHORTER_HISTORY)


@pytest.mark.parametrize(
    ("known", "from_start", "reason"),
    [
        (WHOLE, True, Reason.OUT_OF_STOCK),
        (WHOLE // 2, False, Reason.OUT_OF_STOCK),
        (0, True, Reason.UNKNOWN),
        (0, False, Reason.INSUFFICIENT_HISTORY),
    ],
)
def test_without_any_price_before_the_reason_says_why(known: int, from_start: bool, reason: Reason) -> None:
    found = prior_price(PriceSummary(WINDOW, known=known), priced(800), from_start=from_start)
    assert found == PriorPrice(None, None, 800, None, 0.0, reason)
