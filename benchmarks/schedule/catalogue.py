"""The slots of all products in memory, by the rules of the port `SynchronisationRepository`.

It stands in for PostgreSQL, which would take hours for the hours that are simulated. Times are seconds of the loop.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any
from uuid import UUID

from application.synchronisation.repositories import Due

EPOCH = datetime(2027, 1, 1, tzinfo=UTC)


class Catalogue:
    """The products that wait, each with its slot, and what they experience."""

    def __init__(self, interval: float, clock: Callable[[], float]) -> None:
        self.interval = interval
        self.clock = clock
        self.unobserved: deque[UUID] = deque()
        self.slots: list[tuple[float, UUID]] = []
        self.observed_at: dict[UUID, float] = {}
        self.gaps: list[float] = []
        """Seconds between two observations of the same product, since the last look."""
        self.deepest = 0.0
        """The greatest lag since the last look."""

    def time(self) -> datetime:
        """Return the time of day."""
        return EPOCH + timedelta(seconds=self.clock())

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        """Begin a unit of work, of which the schedule uses nothing but `synchronisations.count_due`."""
        yield self

    @property
    def synchronisations(self) -> "Catalogue":
        """See `UnitOfWork`."""
        return self

    async def count_due(self, _interval: timedelta, limit: int) -> Due:
        """See the port."""
        lag = self.lag()
        self.deepest = max(self.deepest, lag)
        due = len(self.unobserved) + self._due(limit)
        return Due(registrations=0, observations=min(due, limit), lag=timedelta(seconds=lag), at=self.time())

    def lag(self) -> float:
        """Return how long the most overdue observation has been due."""
        return max(0.0, self.clock() - self.slots[0][0] - self.interval) if self.slots else 0.0

    def claim(self, limit: int) -> list[tuple[UUID, float]]:
        """Return due products with their next slots, those that were never observed and the others in turns."""
        others = self._due(limit)
        first = min(len(self.unobserved), max((limit + 1) // 2, limit - others))
        now = self.clock()
        claimed = [(self.unobserved.popleft(), now) for _ in range(first)]
        for _ in range(min(others, limit - first)):
            slot, product = heappop(self.slots)
            missed = slot + self.interval <= now - self.interval
            claimed.append((product, now if missed else slot + self.interval))
        return claimed

    def observe(self, product: UUID, slot: float) -> None:
        """Note an observation, and let the product wait for the next one."""
        now = self.clock()
        if (before := self.observed_at.get(product)) is not None:
            self.gaps.append(now - before)
        self.observed_at[product] = now
        self.wait(product, slot)

    def wait(self, product: UUID, slot: float) -> None:
        """Let a product wait for the slot after this one."""
        heappush(self.slots, (slot, product))

    def _due(self, limit: int) -> int:
        """Return how many slots have come, up to the limit: those are near the front of the heap."""
        until, due, look = self.clock() - self.interval, 0, [0]
        while look and due < limit:
            place = look.pop()
            if place < len(self.slots) and self.slots[place][0] <= until:
                due += 1
                look += (2 * place + 1, 2 * place + 2)
        return due
