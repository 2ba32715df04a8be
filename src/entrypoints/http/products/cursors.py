"""Cursors: opaque texts for a place in one listing, of no use in another."""

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from application.catalogue.listing import PagePosition, ProductFilter, ProductOrder, SortKey
from entrypoints.http.problems.mapping import CursorMismatch

CURSOR_LENGTH = 12_000
"""No cursor is longer: a name's 255 characters may fold to 18 each, of up to two bytes."""

_KEYS: dict[SortKey, Any] = {
    SortKey.NAME: str,
    SortKey.PRICE: int | None,
    SortKey.CHANGE_1D: int | None,
    SortKey.CHANGE_7D: int | None,
    SortKey.CREATED_AT: datetime,
}


class _Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    sort: SortKey
    descending: bool
    filters: bytes
    key: msgspec.Raw
    id: UUID


def write_cursor(order: ProductOrder, wanted: ProductFilter, position: PagePosition) -> str:
    """Return a text for the place behind this position."""
    key = msgspec.Raw(msgspec.msgpack.encode(position.key))
    cursor = msgspec.msgpack.encode(_Cursor(order.key, order.descending, _digest(wanted), key, position.id))
    return base64.urlsafe_b64encode(cursor).decode().rstrip("=")


def read_cursor(text: str, order: ProductOrder, wanted: ProductFilter) -> PagePosition:
    """Read what `write_cursor` wrote for a listing in this order of what is wanted.

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
    # Sorted, because the order in which a set is encoded is another in every process.
    filters = msgspec.msgpack.encode(wanted, order="deterministic")
    return hashlib.blake2s(filters, digest_size=8).digest()


def _storable(key: Any) -> str | datetime | int | None:
    """Return a key as the storage takes it.

    Raises:
        ValueError, OverflowError: it cannot.
    """
    if isinstance(key, datetime):
        if key.tzinfo is None:
            raise ValueError("no zone")
        # Some times with an offset are no times in UTC.
        return key.astimezone(UTC)
    if isinstance(key, str):
        if "\0" in key:
            raise ValueError("no text of PostgreSQL's")
        return key
    if key is not None and key >= 2**63:
        raise OverflowError("no 64 bits")
    return int(key) if key is not None else None
