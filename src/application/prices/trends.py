"""How the best prices of many products moved of late, and what the present ones are worth, for lists."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from domain.price_statistics import Verdict, verdict_by_samples
from domain.window import EPOCH

TREND_WINDOW = timedelta(days=30)
TREND_STEP = timedelta(hours=3)
WEEK = timedelta(days=7) // TREND_STEP


@dataclass(frozen=True, slots=True)
class PriceTrend:
    """The best price of one product over the last thirty days.

    `prices` holds the price in force at each of `trend_times`, None where there was none or it is unknown. `change_1d`
    and `low_7d` are those of `ListedChanges`, a few minutes old. `offers` counts those in stock, and those sold out in
    the last day.
    """

    prices: Sequence[int | None]
    change_1d: int | None
    low_7d: int | None
    offers: int

    @property
    def week(self) -> Sequence[int | None]:
        """The prices of the last seven days."""
        return self.prices[-WEEK:]

    def verdict(self, current: int) -> Verdict | None:
        """Judge the current price by those of the thirty days; None if too little is known to judge by."""
        return verdict_by_samples(self.prices, current)


class PriceTrends(Protocol):
    """Reads outside any unit of work.

    Raises:
        StorageUnavailable
    """

    async def of(self, product_ids: Sequence[UUID], now: datetime) -> Mapping[UUID, PriceTrend]:
        """Return the trend of each product, in one read; of an unknown product all is None."""


def trend_times(now: datetime) -> Iterator[datetime]:
    """Yield every third full hour in UTC of the thirty days before now, ascending."""
    at = now - TREND_WINDOW
    at += (EPOCH - at) % TREND_STEP
    while at <= now:
        yield at
        at += TREND_STEP
