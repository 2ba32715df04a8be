"""The log's new events, read by one task of the process and handed to all listeners, however many."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from application.events.event_log import (
    EVERYTHING,
    EventFilter,
    EventReader,
    EventsExpired,
    Position,
    RecordedEvent,
)
from application.storage import StorageUnavailable


class ListenerEnded(Exception):
    """The listener gets no more events: it was too far behind, or the process stops."""


@dataclass(frozen=True, slots=True)
class FeedTiming:
    """Limits of a feed; durations are in seconds."""

    pause: float = 0.25
    """From one look at the log to the next."""
    withheld_pause: float = 0.1
    """The same, while an open transaction withholds events."""
    trouble_pause: float = 1.0
    """The same, while the storage cannot be reached."""
    stop_pause: float = 0.1
    """From one look at whether the process stops to the next."""
    events: int = 1_000
    """Events of one look, and those that may wait for one listener."""


class Listener:
    """Gets the events that pass its filter; `start` is the position behind which it gets them."""

    def __init__(self, wanted: EventFilter, start: Position, most: int) -> None:
        self.start = self.position = start
        self._wanted = wanted
        self._most = most
        self._events: deque[RecordedEvent] = deque()
        self._woken = asyncio.Event()
        self._ended = False

    def hand(self, events: Sequence[RecordedEvent], searched: Position) -> None:
        """Take the events up to a position; end if too many wait."""
        passing = [event for event in events if self._wanted.passes(event)]
        if len(self._events) + len(passing) > self._most:
            self.end()
            return
        self._events.extend(passing)
        self.position = searched
        if passing:
            self._woken.set()

    def end(self) -> None:
        """Get no more events."""
        self._ended = True
        self._woken.set()

    async def take(self, seconds: float) -> list[RecordedEvent]:
        """Return the events that wait, as soon as there are some; none after so many seconds without one.

        Raises:
            ListenerEnded
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        if self._ended:
            raise ListenerEnded
        taken = list(self._events)
        self._events.clear()
        self._woken.clear()
        return taken


class EventFeed:
    """Reads the log while there are listeners. `stopped` returns whether the process stops: then all listeners end."""

    def __init__(self, reader: EventReader, stopped: Callable[[], bool], timing: FeedTiming) -> None:
        self._reader = reader
        self._stopped = stopped
        self._timing = timing
        self._listeners: set[Listener] = set()
        self._position: Position | None = None
        self._starting = asyncio.Lock()
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self.withheld = timedelta(0)
        """How long the oldest event has been withheld at the last look."""

    @property
    def stopped(self) -> bool:
        """Whether the process stops."""
        return self._stopped()

    @asynccontextmanager
    async def listen(self, wanted: EventFilter) -> AsyncIterator[Listener]:
        """Listen for as long as the block runs.

        Raises:
            StorageUnavailable
        """
        async with self._starting:
            if self._position is None:
                self._position = await self._reader.latest()
            listener = Listener(wanted, self._position, self._timing.events)
            self._listeners.add(listener)
            if not self._tasks:
                self._tasks = asyncio.create_task(self._read()), asyncio.create_task(self._watch_stop())
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            if not self._listeners:
                self._rest()

    def _rest(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks, self._position, self.withheld = (), None, timedelta(0)

    def _end_all(self) -> None:
        for listener in self._listeners:
            listener.end()

    async def _read(self) -> None:
        try:
            while True:
                pause = await self._look()
                await asyncio.sleep(pause)
        except Exception:
            # A defect: without this task all listeners would wait for ever, and so would new ones until all have left.
            self._end_all()
            self._listeners.clear()
            self._rest()
            raise

    async def _look(self) -> float:
        """Hand out the new events, and return the seconds until the next look."""
        try:
            page = await self._reader.read(self._position, EVERYTHING, self._timing.events)
        except StorageUnavailable:
            return self._timing.trouble_pause
        except EventsExpired as expired:
            # The listeners have missed events. Their next read of the log says where they go on.
            self._position = expired.oldest
            self._end_all()
            return 0
        self._position = page.searched
        self.withheld = page.withheld or timedelta(0)
        for listener in self._listeners:
            listener.hand(page.events, page.searched)
        if not page.caught_up:
            return 0
        return self._timing.pause if page.withheld is None else self._timing.withheld_pause

    async def _watch_stop(self) -> None:
        while True:
            if self._stopped():
                self._end_all()
            await asyncio.sleep(self._timing.stop_pause)
