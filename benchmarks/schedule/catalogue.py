"""The schedule of all products in memory, by the rules of the port `SynchronisationRepository`.

It stands in for PostgreSQL, which would take hours for what is simulated here. Products are numbers.
"""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any

from application.synchronisation.repositories import Due
from application.synchronisation.timing import Timing

EPOCH = datetime(2027, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A product in a claim, and the slot that it was due in; None for its first observation."""

    product: int
    slot: float | None


@dataclass
class Catalogue:
    """Slots, waits and the times of the last observations, in seconds. It measures what its products experience."""

    timing: Timing
    clock: Any
    unobserved: deque[int] = field(default_factory=deque)
    slots: list[tuple[float, int]] = field(default_factory=list)
    waiting: list[tuple[float, float, int]] = field(default_factory=list)
    """What may not be attempted before a time: that time, the slot and the product."""
    claimed_slots: dict[int, float] = field(default_factory=dict)
    observed_at: dict[int, float] = field(default_factory=dict)
    gaps: list[float] = field(default_factory=list)
    """Seconds between two observations of one product, of all products, since the last look."""

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        """Begin a unit of work, in which due products are counted."""
        yield self

    @property
    def synchronisations(self) -> "Catalogue":
        """The part of the unit of work that the schedule uses."""
        return self

    async def count_due(self, interval: timedelta, limit: int) -> Due:
        """See the port."""
        self._let_wait_end()
        now, seconds = self.clock(), interval.total_seconds()
        # The oldest slots first, as in the index: when the last one counted is due, so are all before it.
        lag = max(0.0, now - (self.slots[0][0] + seconds)) if self.slots else 0.0
        due = len(self.unobserved) + (self._due_slots(now - seconds, limit) if self.slots else 0)
        return Due(0, min(due, limit), timedelta(seconds=lag), self.time())

    def claim(self, limit: int) -> list[Claimed]:
        """Claim due products, those never observed and the others in turns, the oldest slot first."""
        self._let_wait_end()
        now, interval = self.clock(), self.timing.refresh_interval.total_seconds()
        late: list[Claimed] = []
        while len(late) < limit and self.slots and self.slots[0][0] + interval <= now:
            late.append(Claimed(heappop(self.slots)[1], 0.0))
        return late

    def _let_wait_end(self) -> None:
        now = self.clock()
        while self.waiting and self.waiting[0][0] <= now:
            _, slot, product = heappop(self.waiting)
            heappush(self.slots, (slot, product))

    def time(self) -> datetime:
        """Return the time of day."""
        return EPOCH + timedelta(seconds=self.clock())
