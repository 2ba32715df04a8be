"""How a product's best price changed over a window."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.clock import Clock
from application.prices.readers import PriceReader, RetentionReader
from application.prices.views import PriceAtView, PriceChangeView
from domain.price_change import Reason, price_change
from domain.retention import Retention
from domain.window import Window


@dataclass(frozen=True, slots=True)
class ComparePrices:
    """Compare a product's best price at the end of a window with the one at its start."""

    prices: PriceReader
    clock: Clock
    retention: RetentionReader

    async def __call__(self, product_id: UUID, window: Window) -> PriceChangeView:
        """Return both prices and the change.

        Raises:
            ProductNotFound
        """
        window = _told(window, self.clock(), await self.retention())
        if window.start == window.end:
            nothing = PriceAtView(window.start, None)
            return PriceChangeView(nothing, nothing, None, None, None, Reason.BEYOND_RETENTION)
        before = await self.prices.in_force(product_id, window.start)
        after = await self.prices.in_force(product_id, window.end)
        found = price_change(before, after)
        return PriceChangeView(
            PriceAtView(window.start, before.price if before else None),
            PriceAtView(window.end, after.price if after else None),
            found.change,
            found.percent,
            found.direction,
            found.reason,
        )


def _told(window: Window, now: datetime, retention: Retention) -> Window:
    """Move each end whose step has been dropped back to the start of a kept bucket, and never forward."""
    start, end = (
        at if (kept := retention.finest(at, now)) is None else kept.floor(at) for at in (window.start, window.end)
    )
    return Window(start, end)
