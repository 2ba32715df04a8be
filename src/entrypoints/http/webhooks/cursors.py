"""Cursors of the delivery log."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from application.webhooks.attempts import Outcome
from application.webhooks.ports import DeliveryPosition
from entrypoints.http.problems.cursor_mismatch import CursorMismatch
from entrypoints.http.products.cursors import OF_ANOTHER_LIST, UNREADABLE, CursorSigner, digest


class _Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    filters: bytes
    at: datetime
    id: UUID


class DeliveryCursors:
    """Writes and reads cursors; each belongs to a webhook and an outcome."""

    def __init__(self, secret: str) -> None:
        self._signer = CursorSigner(secret, "deliveries")

    def write(self, webhook_id: UUID, outcome: Outcome | None, position: DeliveryPosition) -> str:
        """Return the cursor of a position in this webhook's attempts with this outcome."""
        return self._signer.write(_Cursor(digest((webhook_id, outcome)), position.at, position.id))

    def read(self, text: str, webhook_id: UUID, outcome: Outcome | None) -> DeliveryPosition:
        """Return the position of a cursor.

        Raises:
            CursorMismatch
        """
        try:
            cursor = self._signer.read(text, _Cursor)
        except ValueError as error:
            raise CursorMismatch(UNREADABLE) from error
        if cursor.filters != digest((webhook_id, outcome)):
            raise CursorMismatch(OF_ANOTHER_LIST)
        return DeliveryPosition(cursor.at.astimezone(UTC), cursor.id)
