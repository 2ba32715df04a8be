"""The port to back-tests: controllers reach no chart and no history through it."""

from decimal import Decimal
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from entrypoints.web.alerts.alert_form import Draft
from entrypoints.web.formats import Formats

if TYPE_CHECKING:
    from entrypoints.web.alerts.trial import Trial


class Trials(Protocol):
    """Tries rules."""

    async def of(
        self, product_id: UUID, draft: Draft, days: int, formats: Formats, per_week: Decimal | None = None
    ) -> "Trial":
        """Try the rule over the last days; with `per_week`, with the threshold that comes closest to it.

        Raises:
            ProductNotFound, QueueFull
        """
