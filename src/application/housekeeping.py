"""What must happen to the stored rows from time to time, in bounded steps that may be killed and repeated."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from application.catalogue.idempotency_keys import ANSWERS_KEPT
from application.synchronisation.timing import Pace


class RowKeeper(Protocol):
    """Upkeep of the catalogue; every call is a transaction of its own and may be killed or repeated at any point.

    Raises:
        StorageUnavailable: in every call.
    """

    async def purge_withdrawn(self) -> bool:
        """Delete what is left of one withdrawn product, a day of history at a time; False when there is none."""

    async def purge_sold_out(self, kept: timedelta, rows: int) -> int:
        """Delete up to `rows` offers sold out for longer than `kept` and return how many."""

    async def purge_answers(self, kept: timedelta, rows: int) -> int:
        """Delete up to `rows` answers that have been kept for longer than `kept` and return how many."""


class HistoryKeeper(Protocol):
    """Upkeep of the price history; every call may be killed or repeated at any point.

    Raises:
        StorageUnavailable: in every call.
    """

    async def prepare_history(self) -> None:
        """Make sure that history of the days kept so far, and of the next few, can be stored."""

    async def roll_up(self, products: int) -> int:
        """Sum up one ended day of up to `products` products in buckets and return of how many; 0 when none is left.

        Only what can no longer change is summed up, the oldest day first.
        """

    async def drop_expired(self) -> int:
        """Drop the days that are no longer kept, steps only once they are rolled up, and return how many."""


class PriceChanges(Protocol):
    """The changes of all products' best prices over a day and a week, kept for sorting the catalogue by them.

    Raises:
        StorageUnavailable: in every call.
    """

    async def refresh(self, after: UUID, products: int) -> UUID | None:
        """Work the changes out as of now for up to `products` products with the ids behind `after`.

        Return the last of them, None when there are none; who is busy with a product keeps it from its turn.
        """


@dataclass(frozen=True, slots=True)
class KeepHouse:
    """Do the upkeep that is due; `now` is a monotonic clock in seconds."""

    keeper: RowKeeper
    history: HistoryKeeper
    pace: Pace
    now: Callable[[], float]

    async def __call__(self) -> None:
        """Prepare history, purge and drop all that is over, and roll up until nothing is left to, or time is up."""
        ends = self.now() + self.pace.housekeeping
        await self.history.prepare_history()
        while self.now() < ends and await self.keeper.purge_withdrawn():
            pass
        while self.now() < ends and await self.keeper.purge_sold_out(self.pace.sold_out_kept, self.pace.purge_rows):
            pass
        while await self.keeper.purge_answers(ANSWERS_KEPT, self.pace.purge_rows):
            pass
        while self.now() < ends and await self.history.roll_up(self.pace.roll_up_products):
            pass
        await self.history.drop_expired()


@dataclass(frozen=True, slots=True)
class RefreshPriceChanges:
    """Work out the price changes of the whole catalogue."""

    changes: PriceChanges
    pace: Pace

    async def __call__(self) -> None:
        """Go through all products, a bounded number at a time."""
        last: UUID | None = UUID(int=0)
        while last is not None:
            last = await self.changes.refresh(last, self.pace.changes_at_once)
