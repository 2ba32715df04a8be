"""The price changes and lows that lists are sorted and filtered by; the worker computes them from time to time."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from application.upkeep_pace import UpkeepPace


class ListedChanges(Protocol):
    """The changes of all products' best prices over a day and over a week, and their lows, stored for lists.

    The changes are exact, and so are their percentages and their time. The low is the lowest price of the seven UTC
    days before today, and one less if the price did not move in them; it is null if the history does not reach back to
    the first of them.

    Raises:
        StorageUnavailable: in every call.
    """

    async def refresh(self, after: UUID, products: int) -> UUID | None:
        """Compute the changes as of now for up to `products` products whose ids follow `after`.

        Return the last of these ids, None if there are none. Products that another transaction has locked are skipped.
        """


@dataclass(frozen=True, slots=True)
class RefreshListedChanges:
    """Compute the price changes of the whole catalogue."""

    changes: ListedChanges
    pace: UpkeepPace

    async def __call__(self) -> None:
        """Go through all products, a bounded number in each transaction."""
        last: UUID | None = UUID(int=0)
        while last is not None:
            last = await self.changes.refresh(last, self.pace.compared_products)
