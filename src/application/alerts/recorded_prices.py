"""The recorded prices for back-tests, as far back as every step is kept."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from application.alerts.back_test import Recorded
from application.clock import Clock
from application.prices.readers import PriceReader, RetentionReader
from domain.window import Window


@dataclass(frozen=True, slots=True)
class ReadRecordedPrices:
    """See `RecordedPrices`."""

    prices: PriceReader
    clock: Clock
    retention: RetentionReader

    async def __call__(self, product_id: UUID, window: Window, period: timedelta, limit: int) -> Recorded:
        """Return the steps."""
        kept_since = (await self.retention()).steps_since(self.clock())
        start, reaches_back = window.start, window.start - kept_since >= period
        if not reaches_back:
            (then,) = await self.prices.in_force(product_id, [kept_since])
            # Of a product that was first observed later nothing is dropped.
            if then is not None:
                start = min(kept_since + period, window.end)
        reach = Window(start - period if reaches_back else kept_since, window.end)
        found = await self.prices.steps(product_id, reach, limit + 1) if reach.start < reach.end else []
        end = window.end if len(found) <= limit else max(start, found[limit].valid_from)
        return Recorded(found[:limit], Window(start, end))
