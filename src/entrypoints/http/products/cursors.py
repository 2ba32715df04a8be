"""Cursors: opaque texts for a position in one list, invalid in any other and without our signature."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from application.catalogue.listing import PagePosition, ProductFilter, ProductOrder, SortKey
from entrypoints.http.problems.cursor_mismatch import CursorMismatch

CHECKSUM_LENGTH = 16
CURSOR_LENGTH = 12_000
"""The longest cursor: a name's 255 characters may fold to 18 each, of up to two bytes."""

_KEYS: dict[SortKey, Any] = {
    SortKey.NAME: str,
    SortKey.PRICE: int | None,
    SortKey.CHANGE_1D: int | None,
    SortKey.CHANGE_7D: int | None,
    SortKey.CREATED_AT: datetime,
}


Content = TypeVar("Content", bound=msgspec.Struct)

UNREADABLE = "This cursor cannot be read; start again without one."
OF_ANOTHER_LIST = "This cursor belongs to another listing; start again without one."


class _Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    sort: SortKey
    descending: bool
    filters: bytes
    key: msgspec.Raw
    id: UUID


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


class Cursors:
    """Writes and reads the cursors of lists of products."""

    def __init__(self, secret: str) -> None:
        self._signer = CursorSigner(secret, "cursors")

    def write(
        self, order: ProductOrder, wanted: ProductFilter, position: PagePosition, at: datetime | None = None
    ) -> str:
        """Return the cursor of a position in the list with this order and these filters, at a past time if given."""
        key = msgspec.Raw(msgspec.msgpack.encode(position.key))
        return self._signer.write(_Cursor(order.key, order.descending, _digest(wanted, at), key, position.id))

    def read(self, text: str, order: ProductOrder, wanted: ProductFilter, at: datetime | None = None) -> PagePosition:
        """Return the position of a cursor of the list with this order and these filters, at a past time if given.

        Raises:
            CursorMismatch
        """
        try:
            cursor = self._signer.read(text, _Cursor)
            key = _in_utc(msgspec.msgpack.decode(cursor.key, type=_KEYS[cursor.sort]))
        except ValueError as error:
            raise CursorMismatch(UNREADABLE) from error
        if (cursor.sort, cursor.descending, cursor.filters) != (order.key, order.descending, _digest(wanted, at)):
            raise CursorMismatch(OF_ANOTHER_LIST)
        return PagePosition(key, cursor.id)


def _digest(wanted: ProductFilter, at: datetime | None) -> bytes:
    return digest(wanted if at is None else (wanted, at))


def digest(wanted: object) -> bytes:
    """Return a short digest of a list's filters."""
    # Sorted, because every process encodes a set in another order.
    filters = msgspec.msgpack.encode(wanted, order="deterministic")
    return hashlib.blake2s(filters, digest_size=8).digest()


def _in_utc(key: str | datetime | int | None) -> str | datetime | int | None:
    return key.astimezone(UTC) if isinstance(key, datetime) else key
