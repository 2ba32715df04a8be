"""Cursors: opaque texts for a place in one listing, of no use in another."""

import base64
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from application.listing import PagePosition, ProductOrder, SortKey
from entrypoints.http.problems import CursorMismatch


class _Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    sort: SortKey
    descending: bool
    key: datetime | int | None
    id: UUID


def write_cursor(order: ProductOrder, position: PagePosition) -> str:
    """Return a text for the place behind this position."""
    cursor = msgspec.msgpack.encode(_Cursor(order.key, order.descending, position.key, position.id))
    return base64.urlsafe_b64encode(cursor).decode().rstrip("=")


def read_cursor(text: str, order: ProductOrder) -> PagePosition:
    """Read what `write_cursor` wrote for a listing in this order.

    Raises:
        CursorMismatch
    """
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        cursor = msgspec.msgpack.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=_Cursor)
        key = _storable(cursor.key)
    except (ValueError, OverflowError) as error:
        raise CursorMismatch("This cursor cannot be read; start again without one.") from error
    dated = isinstance(key, datetime)
    if (cursor.sort, cursor.descending, dated) != (order.key, order.descending, order.key is SortKey.CREATED_AT):
        raise CursorMismatch("This cursor belongs to another listing; start again without one.")
    return PagePosition(key, cursor.id)


def _storable(key: datetime | int | None) -> datetime | int | None:
    """Return a key as the storage takes it.

    Raises:
        ValueError, OverflowError: it cannot.
    """
    if isinstance(key, datetime):
        if key.tzinfo is None:
            raise ValueError("no zone")
        # Some times with an offset are no times in UTC.
        return key.astimezone(UTC)
    if key is not None and key >= 2**63:
        raise OverflowError("no 64 bits")
    return key
