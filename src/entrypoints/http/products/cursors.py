"""Cursors: opaque texts for a position in one list, invalid in any other."""

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from application.catalogue.listing import PagePosition, ProductFilter, ProductOrder, SortKey

CURSOR_LENGTH = 12_000
"""The longest cursor: a name's 255 characters may fold to 18 each, of up to two bytes."""

_KEYS: dict[SortKey, Any] = {
    SortKey.NAME: str,
    SortKey.PRICE: int | None,
    SortKey.CHANGE_1D: int | None,
    SortKey.CHANGE_7D: int | None,
    SortKey.CREATED_AT: datetime,
}


class CursorMismatch(Exception):
    """The cursor cannot be read, or belongs to another list."""


class _Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    sort: SortKey
    descending: bool
    filters: bytes
    key: msgspec.Raw
    id: UUID


def write_cursor(order: ProductOrder, wanted: ProductFilter, position: PagePosition) -> str:
    """Return the cursor of a position in the list with this order and these filters."""
    key = msgspec.Raw(msgspec.msgpack.encode(position.key))
    cursor = msgspec.msgpack.encode(_Cursor(order.key, order.descending, _digest(wanted), key, position.id))
    return base64.urlsafe_b64encode(cursor).decode().rstrip("=")


def read_cursor(text: str, order: ProductOrder, wanted: ProductFilter) -> PagePosition:
    """Return the position of a cursor of the list with this order and these filters.

    Raises:
        CursorMismatch
    """
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        cursor = msgspec.msgpack.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=_Cursor)
        key = _storable(msgspec.msgpack.decode(cursor.key, type=_KEYS[cursor.sort]))
    except (ValueError, OverflowError) as error:
        raise CursorMismatch("This cursor cannot be read; start again without one.") from error
    if (cursor.sort, cursor.descending, cursor.filters) != (order.key, order.descending, _digest(wanted)):
        raise CursorMismatch("This cursor belongs to another listing; start again without one.")
    return PagePosition(key, cursor.id)


def _digest(wanted: ProductFilter) -> bytes:
    # Sorted, because every process encodes a set in another order.
    filters = msgspec.msgpack.encode(wanted, order="deterministic")
    return hashlib.blake2s(filters, digest_size=8).digest()


def _storable(key: Any) -> str | datetime | int | None:
    """Return a key in the form of the storage.

    Raises:
        ValueError, OverflowError: the storage has no such value.
    """
    if isinstance(key, datetime):
        if key.tzinfo is None:
            raise ValueError("no zone")
        # Some times with an offset have no equivalent in UTC.
        return key.astimezone(UTC)
    if isinstance(key, str):
        if "\0" in key:
            raise ValueError("PostgreSQL's texts have no NUL")
        return key
    if key is not None and key >= 2**63:
        raise OverflowError("no 64 bits")
    return int(key) if key is not None else None
