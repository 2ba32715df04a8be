"""A watch over two clocks that a test turns."""

from datetime import datetime, timedelta

from application.clock import Clock
from application.clock_watch import ClockWatch, DifferenceObserver
from fakes.storage import InMemoryStorage


def _unobserved(ahead: timedelta, *, too_far: bool) -> None:
    """Ignore the comparison."""


def clock_watch(
    storage: InMemoryStorage, clock: Clock | None = None, observe: DifferenceObserver = _unobserved
) -> ClockWatch:
    """Watch a process's clock, which agrees with the storage's if it is not given."""

    async def storage_time() -> datetime:
        storage.reach()
        return storage.clock()

    return ClockWatch(clock or storage.clock, storage_time, observe)
