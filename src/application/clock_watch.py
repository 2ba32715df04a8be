"""The difference between this process's clock and the storage's, by which schedules, leases and retention go."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from application.clock import Clock

TOLERANCE = timedelta(minutes=1)


class DifferenceObserver(Protocol):
    """Receives every comparison; it must not wait."""

    def __call__(self, ahead: timedelta, *, too_far: bool) -> None:
        """Note by how much this process's clock is ahead, negative if it is behind, and if that is too much."""


@dataclass(eq=False)
class ClockWatch:
    """Compares the two clocks. While they differ too much, the process schedules, rolls up and drops nothing.

    No process can find out which of them is wrong, and a storage whose clock is ahead must not lead to a drop either.
    """

    clock: Clock
    storage_time: Callable[[], Awaitable[datetime]]
    observe: DifferenceObserver
    ahead: timedelta = timedelta(0)
    """The result of the last comparison: by how much this process's clock is ahead, negative if it is behind."""

    @property
    def too_far(self) -> bool:
        """Whether the clocks differed too much at the last comparison."""
        return abs(self.ahead) > TOLERANCE

    async def ask(self) -> bool:
        """Ask the storage for its time, and return whether the clocks differ too much.

        Raises:
            StorageUnavailable
        """
        asked_at = self.clock()
        return self.compare(asked_at, await self.storage_time())

    def compare(self, asked_at: datetime, storage_time: datetime) -> bool:
        """Compare with an answer of the storage that has just arrived; `asked_at` is by this process's clock."""
        # The storage read its clock at an unknown moment in between, so only the time outside counts.
        least, most = asked_at - storage_time, self.clock() - storage_time
        self.ahead = max(least, min(most, timedelta(0)))
        self.observe(self.ahead, too_far=self.too_far)
        return self.too_far
