"""The port to the upkeep of the price history: days prepared, rolled up into buckets, and dropped."""

from typing import Protocol


class HistoryUpkeep(Protocol):
    """Upkeep of the price history. Every call may be killed or repeated at any point.

    Raises:
        StorageUnavailable: in every call.
    """

    async def prepare_history(self) -> None:
        """Make room for the history of all days that are kept and of the next few days."""

    async def roll_up(self, products: int) -> int:
        """Roll one ended day of up to `products` products up into buckets, and return of how many; 0 if none is left.

        Only days that can no longer change are rolled up, the oldest first.
        """

    async def drop_expired(self) -> int:
        """Drop the days that are no longer kept, and return how many. Steps are dropped only once rolled up."""
