"""Cursors of the audit log."""

from application.access.audit_records import AuditFilter, AuditPosition
from entrypoints.http.cursors import LogCursors


class AuditCursors:
    """Writes and reads cursors; each belongs to its filters."""

    def __init__(self, secret: str) -> None:
        self._cursors = LogCursors(secret, "audit")

    def write(self, wanted: AuditFilter, position: AuditPosition) -> str:
        """Return the cursor of a position in the records that these filters pass."""
        return self._cursors.write(wanted, position.at, position.id)

    def read(self, text: str, wanted: AuditFilter) -> AuditPosition:
        """Return the position of a cursor.

        Raises:
            CursorMismatch
        """
        return AuditPosition(*self._cursors.read(text, wanted))
