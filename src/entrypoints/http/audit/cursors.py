"""Cursors of the audit log."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from application.access.audit_records import AuditFilter, AuditPosition
from entrypoints.http.problems.cursor_mismatch import CursorMismatch
from entrypoints.http.products.cursors import OF_ANOTHER_LIST, UNREADABLE, CursorSigner, digest


class _Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    filters: bytes
    at: datetime
    id: UUID


class AuditCursors:
    """Writes and reads cursors; each belongs to its filters."""

    def __init__(self, secret: str) -> None:
        self._signer = CursorSigner(secret, "audit")

    def write(self, wanted: AuditFilter, position: AuditPosition) -> str:
        """Return the cursor of a position in the records that these filters pass."""
        return self._signer.write(_Cursor(digest(wanted), position.at, position.id))

    def read(self, text: str, wanted: AuditFilter) -> AuditPosition:
        """Return the position of a cursor.

        Raises:
            CursorMismatch
        """
        try:
            cursor = self._signer.read(text, _Cursor)
        except ValueError as error:
            raise CursorMismatch(UNREADABLE) from error
        if cursor.filters != digest(wanted):
            raise CursorMismatch(OF_ANOTHER_LIST)
        return AuditPosition(cursor.at.astimezone(UTC), cursor.id)
