"""Cursors of the delivery log."""

from uuid import UUID

from application.webhooks.attempts import AttemptOutcome
from application.webhooks.ports import DeliveryPosition
from entrypoints.http.cursors import LogCursors


class DeliveryCursors:
    """Writes and reads cursors; each belongs to a webhook and an outcome."""

    def __init__(self, secret: str) -> None:
        self._cursors = LogCursors(secret, "deliveries")

    def write(self, webhook_id: UUID, outcome: AttemptOutcome | None, position: DeliveryPosition) -> str:
        """Return the cursor of a position in this webhook's attempts with this outcome."""
        return self._cursors.write((webhook_id, outcome), position.at, position.id)

    def read(self, text: str, webhook_id: UUID, outcome: AttemptOutcome | None) -> DeliveryPosition:
        """Return the position of a cursor.

        Raises:
            CursorMismatch
        """
        return DeliveryPosition(*self._cursors.read(text, (webhook_id, outcome)))
