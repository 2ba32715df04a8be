"""What must happen to the stored rows from time to time: days made ahead, dead rows purged in bounded steps."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from application.pace import Pace


class RowKeeper(Protocol):
    """Storage's own upkeep; every call is a transaction of its own and may be killed or repeated at any point.

    Raises:
        StorageUnavailable: in every call.
    """

    async def prepare_history(self) -> None:
        """Make sure that history of the days kept so far, and of the next few, can be stored."""

    async def purge_withdrawn(self) -> bool:
        """Delete what is left of one withdrawn product, a day of history at a time; False when there is none."""

    async def purge_sold_out(self, kept: timedelta, rows: int) -> int:
        """Delete up to `rows` offers sold out for longer than `kept` and return how many."""


@dataclass(frozen=True, slots=True)
class KeepHouse:
    """Do all the upkeep that is due."""

    keeper: RowKeeper
    pace: Pace

    async def __call__(self) -> None:
        """Prepare history, then purge until nothing is left to."""
        await self.keeper.prepare_history()
        while await self.keeper.purge_withdrawn():
            pass
        while await self.keeper.purge_sold_out(self.pace.sold_out_kept, self.pace.purge_rows):
            pass
