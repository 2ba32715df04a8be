"""The best price of a product over time, as steps: a step is written once, when it ends, and lies in one UTC day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

KNOWN_FOR_INTERVALS = 3
"""An observation is trusted for this many refresh intervals; after them the price is unknown (price history)."""


class PriceState(StrEnum):
    """Unknown and out of stock are different states, and neither has a price."""

    IN_STOCK = "in_stock"
    OUT_OF_STOCK = "out_of_stock"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class BestPrice:
    """The lowest price among the offers in stock (None: an observation showed none), and since when."""

    price: int | None
    since: datetime


@dataclass(frozen=True, slots=True)
class PriceStep:
    """A stretch `[valid_from, valid_to)` of one price."""

    state: PriceState
    price: int | None
    valid_from: datetime
    valid_to: datetime


@dataclass(frozen=True, slots=True)
class PriceInForce:
    """A price, or why there is none, at one moment."""

    state: PriceState
    price: int | None


def next_best_price(
    current: BestPrice | None,
    known_until: datetime | None,
    price: int | None,
    at: datetime,
    *,
    known: bool = True,
    set_back: bool = False,
) -> tuple[BestPrice, list[PriceStep]]:
    """Return the best price in force from `at` on, and the steps that this observation ends.

    An observation that comes later than `known_until` leaves a gap behind: the price carries forward to there and
    the rest is recorded as unknown. One that shows neither a price nor its absence for sure (not `known`) begins a gap
    or lets it go on: the result is `since` the start of the gap, which is recorded when it ends. After the clock was
    `set_back`, the step ends even if the price is the same: how long it was known is recorded, because the new
    observation is trusted for a time that has passed already.
    """
    if current is None or known_until is None:
        return BestPrice(price, at), []
    if not known:
        end = min(known_until, at)
        return BestPrice(None, end), _steps(current.price, current.since, end)
    if at > known_until:
        return BestPrice(price, at), [
            *_steps(current.price, current.since, known_until),
            *(PriceStep(PriceState.UNKNOWN, None, *day) for day in days(known_until, at)),
        ]
    if price == current.price and not set_back:
        return current, []
    return BestPrice(price, at), _steps(current.price, current.since, at)


def price_state(price: int | None) -> PriceState:
    """Return the state that an observation with this best price shows."""
    return PriceState.OUT_OF_STOCK if price is None else PriceState.IN_STOCK


def days(valid_from: datetime, valid_to: datetime) -> list[tuple[datetime, datetime]]:
    """Split `[valid_from, valid_to)` at every midnight UTC; an empty stretch has no parts."""
    if valid_from >= valid_to:
        return []
    # Nearly all lie within one day, and every price that moves comes through here.
    if valid_from.astimezone(UTC).date() == valid_to.astimezone(UTC).date():
        return [(valid_from, valid_to)]
    return list(_split(valid_from, valid_to))


def _steps(price: int | None, valid_from: datetime, valid_to: datetime) -> list[PriceStep]:
    return [PriceStep(price_state(price), price, *day) for day in days(valid_from, valid_to)]


def _split(valid_from: datetime, valid_to: datetime) -> Iterator[tuple[datetime, datetime]]:
    while valid_from < valid_to:
        day = valid_from.astimezone(UTC)
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        yield valid_from, min(midnight, valid_to)
        valid_from = midnight
