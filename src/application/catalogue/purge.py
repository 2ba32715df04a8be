"""The port to the upkeep of the catalogue's rows."""

from datetime import timedelta
from typing import Protocol


class CataloguePurge(Protocol):
    """Deletes rows that nothing reads any more. Every call is a transaction of its own and may be killed or repeated.

    Raises:
        StorageUnavailable: in every call.
    """

    async def purge_withdrawn(self) -> bool:
        """Delete the rows of one withdrawn product, one day of history at a time; False when there is none left."""

    async def purge_sold_out(self, kept: timedelta, rows: int) -> int:
        """Delete up to `rows` offers that have been sold out for longer than `kept`, and return how many."""

    async def purge_idempotency_keys(self, kept: timedelta, rows: int) -> int:
        """Delete up to `rows` idempotency keys that are older than `kept`, and return how many."""
