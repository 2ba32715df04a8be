"""How consumers read the event log: pulled page by page, waiting if they like, or followed as it grows."""

import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace

from application.bounded_queue import BoundedQueue
from application.events.event_log import EventFilter, EventPage, EventReader, EventsExpired, Position, RecordedEvent
from application.events.feed import EventFeed, ListenerEnded


@dataclass(frozen=True, slots=True)
class ReadEvents:
    """Read a page of the log. Few read at once, because very many consumers may come again in the same moment."""

    reader: EventReader
    places: BoundedQueue

    async def __call__(self, after: Position | None, wanted: EventFilter, limit: int) -> EventPage:
        """Read a page as the reader does.

        Raises:
            EventsExpired, StorageUnavailable, QueueFull
        """
        async with self.places:
            return await self.reader.read(after, wanted, limit)


@dataclass(frozen=True, slots=True)
class PullEvents:
    """Read one page of the log, waiting for an event if need be."""

    read: ReadEvents
    feed: EventFeed

    async def __call__(self, after: Position | None, wanted: EventFilter, limit: int, wait: float = 0) -> EventPage:
        """Return up to `limit` events behind a position. A page without events waits up to `wait` seconds for one.

        No connection is held while it waits.

        Raises:
            EventsExpired, StorageUnavailable, QueueFull
        """
        page = await self.read(after, wanted, limit)
        if page.events or wait <= 0:
            return page
        ends = time.monotonic() + wait
        async with self.feed.listen(wanted) as listener:
            while not page.events and (left := ends - time.monotonic()) > 0:
                if page.caught_up and page.searched >= listener.start:
                    try:
                        if not await listener.take(left):
                            return replace(page, searched=max(page.searched, listener.position))
                    except ListenerEnded:
                        return await self.read(page.searched, wanted, limit)
                page = await self.read(page.searched, wanted, limit)
        return page

    async def latest(self) -> Position:
        """Return the position behind all events that can be read now.

        Raises:
            StorageUnavailable
        """
        return await self.read.reader.latest()


@dataclass(frozen=True, slots=True)
class Followed:
    """Events, and the position up to which the log has been followed.

    `reset` says that events before them are no longer kept.
    """

    events: Sequence[RecordedEvent]
    position: Position
    reset: bool = False


@dataclass(frozen=True, slots=True)
class FollowEvents:
    """Follow the log. `silence` is the time in seconds after which a quiet log is reported."""

    read: ReadEvents
    feed: EventFeed
    silence: float
    page: int

    async def __call__(self, after: Position | None, wanted: EventFilter) -> AsyncGenerator[Followed, None]:
        """Give the events behind a position, from now on if that is None, and then the new ones until the end.

        The first one has no events but the position. It ends when the consumer is too far behind or the process stops.

        Raises:
            StorageUnavailable, QueueFull
        """
        position = after or await self.read.reader.latest()
        yield Followed((), position)
        caught_up = after is None
        while not caught_up and not self.feed.stopped:
            try:
                page = await self.read(position, wanted, self.page)
            except EventsExpired as expired:
                position = expired.oldest
                yield Followed((), position, reset=True)
                continue
            position, caught_up = page.searched, page.caught_up
            if page.events:
                yield Followed(page.events, position)
        async with self.feed.listen(wanted) as listener:
            while position < listener.start:
                page = await self.read(position, wanted, self.page)
                position = page.searched
                if page.events:
                    yield Followed(page.events, position)
            while True:
                try:
                    events = await listener.take(self.silence)
                except ListenerEnded:
                    return
                new = [event for event in events if event.position > position]
                position = max(position, listener.position)
                yield Followed(new, position)
