"""Cursors: opaque texts for a position in one list, invalid in any other and without our signature."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

import msgspec

from entrypoints.http.problems.cursor_mismatch import CursorMismatch

CHECKSUM_LENGTH = 16

Content = TypeVar("Content", bound=msgspec.Struct)

UNREADABLE = "This cursor cannot be read; start again without one."
OF_ANOTHER_LIST = "This cursor belongs to another listing; start again without one."


class CursorSigner:
    """Signs the cursors of one kind of list: a checksum with a key is before each, so that no forged one is parsed."""

    def __init__(self, secret: str, kind: str) -> None:
        self._key = hashlib.sha256(f"{kind}\0{secret}".encode()).digest()

    def write(self, content: msgspec.Struct) -> str:
        """Return the cursor with this content."""
        cursor = msgspec.msgpack.encode(content)
        return base64.urlsafe_b64encode(self._checksum(cursor) + cursor).decode().rstrip("=")

    def read(self, text: str, kind: type[Content]) -> Content:
        """Return the content of a cursor.

        Raises:
            ValueError: it is none of ours, or of an earlier release.
        """
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        decoded = base64.b64decode(padded, altchars=b"-_", validate=True)
        checksum, cursor = decoded[:CHECKSUM_LENGTH], decoded[CHECKSUM_LENGTH:]
        if not hmac.compare_digest(checksum, self._checksum(cursor)):
            raise ValueError
        return msgspec.msgpack.decode(cursor, type=kind)

    def _checksum(self, cursor: bytes) -> bytes:
        return hashlib.blake2s(cursor, key=self._key, digest_size=CHECKSUM_LENGTH).digest()


def digest(wanted: object) -> bytes:
    """Return a short digest of a list's filters."""
    # Sorted, because every process encodes a set in another order.
    filters = msgspec.msgpack.encode(wanted, order="deterministic")
    return hashlib.blake2s(filters, digest_size=8).digest()


class _LogCursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    filters: bytes
    at: datetime
    id: UUID


class LogCursors:
    """Writes and reads the cursors of one log; each belongs to its filters, and stands for an entry's time and id."""

    def __init__(self, secret: str, kind: str) -> None:
        self._signer = CursorSigner(secret, kind)

    def write(self, wanted: object, at: datetime, id: UUID) -> str:
        """Return the cursor of a position among the entries that these filters pass."""
        return self._signer.write(_LogCursor(digest(wanted), at, id))

    def read(self, text: str, wanted: object) -> tuple[datetime, UUID]:
        """Return the position of a cursor.

        Raises:
            CursorMismatch
        """
        try:
            cursor = self._signer.read(text, _LogCursor)
        except ValueError as error:
            raise CursorMismatch(UNREADABLE) from error
        if cursor.filters != digest(wanted):
            raise CursorMismatch(OF_ANOTHER_LIST)
        return cursor.at.astimezone(UTC), cursor.id
