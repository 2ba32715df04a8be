"""The port to back-tests. By it controllers depend on no chart and no history."""

from decimal import Decimal
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from entrypoints.web.alerts.alert_form import Draft
from entrypoints.web.formats import Formats

if TYPE_CHECKING:
    from entrypoints.web.alerts.trial import Trial


class Trials(Protocol):
    """Tries rules over recorded prices."""

    async def of(
        self, product_id: UUID, draft: Draft, days: int, formats: Formats, per_week: Decimal | None = None
    ) -> "Trial":
        """Try the rule over the last days. `per_week` replaces its threshold by the one that fires closest to so often.

        Raises:
            ProductNotFound, QueueFull
        """
