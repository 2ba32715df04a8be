"""The conditions of alerts in requests and answers, and the lengths of time in rules."""

from decimal import Decimal
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from domain.alerts.condition import (
    Condition,
    ConditionKind,
    PriceExtreme,
    PriceMove,
    PriceThreshold,
    Stock,
)
from domain.errors import InvalidAlert, InvalidWindow
from entrypoints.http.route_declarations import RULE, Rule
from entrypoints.http.times import DURATION, read_length, read_period

HIGHEST = 2**53 - 1
"""The highest integer that all JSON implementations read exactly (RFC 8259, section 6)."""
Price = Annotated[
    int,
    Meta(
        ge=0,
        le=HIGHEST,
        description="In the unit of all prices.",
        examples=[40_000],
        # Said again, because a zero is lost where null is allowed, too.
        extra_json_schema={"extra": {"minimum": 0}},
    ),
]
Percent = Annotated[float, Meta(gt=0, le=1_000_000, description="With two decimals at most.", examples=[10])]
Period = Annotated[
    str,
    Meta(
        description="An ISO 8601 duration of at most 30 days.",
        examples=["P7D"],
        extra_json_schema={"extra": {"format": "duration", "pattern": DURATION}},
    ),
]


class _Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    pass


class PriceBelowPayload(_Payload, frozen=True, tag="price_below"):
    """The best price is below `price`; once the alert fires, until it is above `resolve_above`, or `price`."""

    price: Price
    resolve_above: Price | None = None

    def read(self) -> Condition:
        """Return the condition."""
        return PriceThreshold(ConditionKind.PRICE_BELOW, self.price, self.resolve_above)


class PriceAbovePayload(_Payload, frozen=True, tag="price_above"):
    """The best price is above `price`; once the alert fires, until it is below `resolve_below`, or `price`."""

    price: Price
    resolve_below: Price | None = None

    def read(self) -> Condition:
        """Return the condition."""
        return PriceThreshold(ConditionKind.PRICE_ABOVE, self.price, self.resolve_below)


class DropPayload(_Payload, frozen=True, tag="drop"):
    """The best price has fallen by `percent` or more over the period, as `price-change` compares."""

    percent: Percent
    period: Period

    def read(self) -> Condition:
        """Return the condition."""
        return PriceMove(ConditionKind.DROP, Decimal(str(self.percent)), read_period(self.period))


class RisePayload(_Payload, frozen=True, tag="rise"):
    """The best price has risen by `percent` or more over the period, as `price-change` compares."""

    percent: Percent
    period: Period

    def read(self) -> Condition:
        """Return the condition."""
        return PriceMove(ConditionKind.RISE, Decimal(str(self.percent)), read_period(self.period))


class NewLowPayload(_Payload, frozen=True, tag="new_low"):
    """The best price came into force below every price of the period before, of which at least half is known."""

    period: Period

    def read(self) -> Condition:
        """Return the condition."""
        return PriceExtreme(ConditionKind.NEW_LOW, read_period(self.period))


class NewHighPayload(_Payload, frozen=True, tag="new_high"):
    """The best price came into force above every price of the period before, of which at least half is known."""

    period: Period

    def read(self) -> Condition:
        """Return the condition."""
        return PriceExtreme(ConditionKind.NEW_HIGH, read_period(self.period))


class OutOfStockPayload(_Payload, frozen=True, tag="out_of_stock"):
    """The product is out of stock."""

    def read(self) -> Condition:
        """Return the condition."""
        return Stock(ConditionKind.OUT_OF_STOCK)


class InStockPayload(_Payload, frozen=True, tag="in_stock"):
    """The product is in stock."""

    def read(self) -> Condition:
        """Return the condition."""
        return Stock(ConditionKind.IN_STOCK)


ConditionPayload: TypeAlias = (
    PriceBelowPayload
    | PriceAbovePayload
    | DropPayload
    | RisePayload
    | NewLowPayload
    | NewHighPayload
    | OutOfStockPayload
    | InStockPayload
)


_DURATION = {"format": "duration", "pattern": DURATION}
When = Annotated[ConditionPayload, Meta(examples=[{"kind": "price_below", "price": 40_000, "resolve_above": 41_000}])]
Hold = Annotated[
    str,
    Meta(
        description="How long the condition must hold without a break, an ISO 8601 duration of at most 30 days.",
        examples=["PT10M"],
        extra_json_schema={"extra": _DURATION},
        extra={RULE: Rule(read_length)},
    ),
]
Cooldown = Annotated[
    str,
    Meta(
        description="How long after a firing the next one is suppressed, an ISO 8601 duration of at most 365 days.",
        examples=["PT6H"],
        extra_json_schema={"extra": _DURATION},
        extra={RULE: Rule(read_length)},
    ),
]


def read_condition(payload: ConditionPayload) -> Condition:
    """Return the condition of a request.

    Raises:
        InvalidAlert
    """
    try:
        return payload.read()
    except InvalidWindow as error:
        raise InvalidAlert("when/period", str(error)) from error
