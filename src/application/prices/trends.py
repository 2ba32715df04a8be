"""How the best prices of many products moved of late, for a list that shows it beside each product."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from domain.prices.statistics import JUDGED_WINDOW, Verdict
from domain.window import EPOCH, BucketWidth

TREND_WINDOW = timedelta(days=7)
TREND_STEP = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class PriceTrend:
    """The best price of one product over the last seven days, and its facts for lists.

    `prices` holds the price in force at each of `trend_times`, None where there was none or it is unknown. `change_1d`
    and `low_7d` come from `ListedChanges` and are a few minutes old. The verdict is the one of the statistics over
    `JUDGED_WINDOW`, None also where sums of days do not settle it. `offers` counts those in stock and those sold out
    of late, as `CatalogueReader.detail` shows both.
    """

    prices: Sequence[int | None]
    change_1d: int | None
    low_7d: int | None
    verdict: Verdict | None
    offers: int


class PriceTrends(Protocol):
    """Reads outside any unit of work.

    Raises:
        StorageUnavailable
    """

    async def of(self, product_ids: Sequence[UUID], now: datetime) -> Mapping[UUID, PriceTrend]:
        """Return the trend of each product, in one read; of an unknown product all is None."""


def trend_times(now: datetime) -> Iterator[datetime]:
    """Yield every third full hour in UTC of the seven days before now, ascending."""
    at = now - TREND_WINDOW
    at += (EPOCH - at) % TREND_STEP
    while at <= now:
        yield at
        at += TREND_STEP


def judged_since(now: datetime) -> datetime:
    """Return the begin of the first whole day by which a price is judged."""
    return BucketWidth.DAY.ceil(now - JUDGED_WINDOW)
