"""An event loop of one imagined process, by a clock that the test turns: it never waits, it says how long it would."""

import asyncio
import math
from collections.abc import Callable
from selectors import SelectorKey, SelectSelector

from fakes.storage import NOON, FakeClock


class _Unwaiting(SelectSelector):
    """Finds nothing ever; where it would have to wait, it stops the loop instead."""

    def __init__(self, stop: Callable[[], None]) -> None:
        super().__init__()
        self.would_wait = 0.0
        self._stop = stop

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        self.would_wait = math.inf if timeout is None else timeout
        if self.would_wait > 0:
            self._stop()
        return []


class ManualEventLoop(asyncio.SelectorEventLoop):
    """A process that is killed or frozen is a loop that is no longer run."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._unwaiting = _Unwaiting(self.stop)
        super().__init__(self._unwaiting)

    def time(self) -> float:
        return (self._clock.now - NOON).total_seconds()

    def run_until_idle(self) -> float:
        """Run all that can run now and return the seconds until the next timer, infinity if there is none."""
        self.run_forever()
        return self._unwaiting.would_wait

    def give_up(self) -> None:
        """Cancel the remaining tasks and close."""
        for task in asyncio.all_tasks(self):
            task.cancel()
        self.run_until_idle()
        self.close()
