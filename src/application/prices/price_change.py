"""How a product's best price changed over a window."""

from dataclasses import dataclass
from uuid import UUID

from application.clock import Clock
from application.prices.readers import PriceReader
from application.prices.views import PriceAtView, PriceChangeView
from domain.price_change import price_change
from domain.retention import Retention
from domain.window import Window


@dataclass(frozen=True, slots=True)
class ComparePrices:
    """Compare a product's best price at the end of a window with the one at its start."""

    prices: PriceReader
    clock: Clock
    retention: Retention

    async def __call__(self, product_id: UUID, window: Window) -> PriceChangeView:
        """Return both prices and the change.

        Raises:
            ProductNotFound
        """
        window = self.retention.snapped(window, self.clock())
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
