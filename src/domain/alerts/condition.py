"""The conditions of alerts, and whether a fact about a product's best price meets them.

Each pair of opposites is one class. A condition that cannot be judged by a fact is neither met nor not met (None), so
that nothing follows from the fact.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from domain.errors import InvalidAlert
from domain.prices.price import PriceInForce, PriceState

LONGEST_PERIOD = timedelta(days=30)
"""Steps of the best price are kept for a few days longer, unless the settings say otherwise."""
HIGHEST_PRICE = 2**63 - 1

Value: TypeAlias = int | Decimal | None


class ConditionKind(StrEnum):
    """What an alert watches."""

    PRICE_BELOW = "price_below"
    PRICE_ABOVE = "price_above"
    DROP = "drop"
    RISE = "rise"
    NEW_LOW = "new_low"
    NEW_HIGH = "new_high"
    OUT_OF_STOCK = "out_of_stock"
    IN_STOCK = "in_stock"

    @property
    def sign(self) -> int:
        """Return 1 for low prices and -1 for high ones: multiplied by it, opposites compare alike."""
        return -1 if self in _HIGH else 1


_HIGH = (ConditionKind.PRICE_ABOVE, ConditionKind.RISE, ConditionKind.NEW_HIGH)


@dataclass(frozen=True, slots=True)
class PricesBefore:
    """The lowest (highest) price known in the period before a price came into force, None if none is.

    `known` is the time, in microseconds, in which the product is known to have been in stock or out of it.
    """

    extreme: int | None
    known: int


@dataclass(frozen=True, slots=True)
class Fact:
    """The price in force in `[start, end)`, or at the moment `start` if that is the end too.

    Conditions over a period need more: `percent` is the change over it, as price-change defines it, None if there is
    none; `before` is there only if another price than the last known one came into force at the start.
    """

    start: datetime
    end: datetime
    in_force: PriceInForce
    percent: Decimal | None = None
    before: PricesBefore | None = None


@dataclass(frozen=True, slots=True)
class PriceThreshold:
    """The best price is below (above) `price`; once the alert fires, until it is above (below) `resolve_at`."""

    kind: ConditionKind
    price: int
    resolve_at: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidAlert
        """
        for price in (self.price, self.resolve_at):
            if price is not None and not 0 <= price <= HIGHEST_PRICE:
                raise InvalidAlert("when", "A price is not negative and has at most 63 bits.")
        if self.resolve_at is not None and self.resolve_at * self.kind.sign < self.price * self.kind.sign:
            raise InvalidAlert("when", "An alert must not resolve at a price at which it fires.")

    @property
    def period(self) -> timedelta | None:
        """Always None: the condition looks at no period."""
        return None

    @property
    def threshold(self) -> Value:
        """The price to compare with."""
        return self.price

    def met(self, fact: Fact, *, active: bool, firing: bool) -> bool | None:  # noqa: ARG002 - as all conditions
        """Return whether the fact meets it."""
        price, sign = fact.in_force.price, self.kind.sign
        if price is None:
            return False
        if firing:
            return price * sign <= (self.price if self.resolve_at is None else self.resolve_at) * sign
        return price * sign < self.price * sign

    def value(self, fact: Fact) -> Value:
        """Return the price, None if there is none."""
        return fact.in_force.price


@dataclass(frozen=True, slots=True)
class PriceMove:
    """The change over the period, as price-change defines it, is at most -`percent` (at least `percent`)."""

    kind: ConditionKind
    percent: Decimal
    period: timedelta

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidAlert
        """
        _check_period(self.period)
        if not (self.percent.is_finite() and 0 < self.percent <= 1_000_000 and self.percent == round(self.percent, 2)):
            raise InvalidAlert("when", "`percent` is above 0, at most 1 000 000, and has at most two decimals.")

    @property
    def threshold(self) -> Value:
        """The change in percent from which on it is met."""
        return -self.percent * self.kind.sign

    def met(self, fact: Fact, *, active: bool, firing: bool) -> bool | None:  # noqa: ARG002 - as all conditions
        """Return whether the fact meets it, None if there is no change because of the price one period before."""
        if fact.in_force.price is None:
            return False
        return None if fact.percent is None else fact.percent * self.kind.sign <= -self.percent

    def value(self, fact: Fact) -> Value:
        """Return the change in percent."""
        return fact.percent


@dataclass(frozen=True, slots=True)
class PriceExtreme:
    """The price came into force below (above) every price of the period before, of which at least half is known."""

    kind: ConditionKind
    period: timedelta

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidAlert
        """
        _check_period(self.period)

    @property
    def threshold(self) -> Value:
        """There is none."""
        return None

    def met(self, fact: Fact, *, active: bool, firing: bool) -> bool | None:  # noqa: ARG002 - as all conditions
        """Return whether the fact meets it. A price is judged when it comes into force, and that stands."""
        price = fact.in_force.price
        if price is None or fact.before is None:
            return active and price is not None
        extreme = fact.before.extreme
        half_known = 2 * fact.before.known >= self.period // timedelta(microseconds=1)
        return half_known and extreme is not None and price * self.kind.sign < extreme * self.kind.sign

    def value(self, fact: Fact) -> Value:
        """Return the price."""
        return fact.in_force.price


@dataclass(frozen=True, slots=True)
class Stock:
    """Nobody (somebody) has the product."""

    kind: ConditionKind

    @property
    def period(self) -> timedelta | None:
        """Always None: the condition looks at no period."""
        return None

    @property
    def threshold(self) -> Value:
        """There is none."""
        return None

    def met(self, fact: Fact, *, active: bool, firing: bool) -> bool | None:  # noqa: ARG002 - as all conditions
        """Return whether the fact meets it."""
        return (fact.in_force.state is PriceState.IN_STOCK) == (self.kind is ConditionKind.IN_STOCK)

    def value(self, fact: Fact) -> Value:
        """Return the price, if somebody has the product."""
        return fact.in_force.price


Condition: TypeAlias = PriceThreshold | PriceMove | PriceExtreme | Stock


def _check_period(period: timedelta) -> None:
    if not timedelta(0) < period <= LONGEST_PERIOD:
        raise InvalidAlert("when", f"The period must be longer than 0 and at most {LONGEST_PERIOD.days} days.")
