"""Cursors of lists of products."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from application.catalogue.listing import PagePosition, ProductFilter, ProductOrder, SortKey
from entrypoints.http.cursors import OF_ANOTHER_LIST, UNREADABLE, CursorSigner, digest
from entrypoints.http.problems.cursor_mismatch import CursorMismatch

CURSOR_LENGTH = 12_000
"""The longest cursor: a name's 255 characters may fold to 18 each, of up to two bytes."""

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


def _in_utc(key: str | datetime | int | None) -> str | datetime | int | None:
    return key.astimezone(UTC) if isinstance(key, datetime) else key
