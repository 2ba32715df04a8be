"""How far observing is behind."""

from dataclasses import dataclass
from datetime import timedelta

from application.synchronisation.timing import Timing
from application.unit_of_work import BeginWork


@dataclass(frozen=True, slots=True)
class ReadLag:
    """Read how long the most overdue observation has been due."""

    begin: BeginWork
    timing: Timing

    async def __call__(self) -> timedelta:
        """Return the lag; 0 if no observation is overdue.

        Raises:
            StorageUnavailable
        """
        async with self.begin() as work:
            return (await work.synchronisations.count_due(self.timing.refresh_interval, 1)).lag
