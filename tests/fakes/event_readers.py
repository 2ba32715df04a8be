"""The event log's readers in memory."""

from application.events.event_log import EventFilter, EventPage, EventsExpired, Position
from fakes.storage import InMemoryStorage

OLDEST = Position(0, 0, 0)


class InMemoryEventReader:
    """All that is committed can be read at once."""

    def __init__(self, storage: InMemoryStorage) -> None:
        self._storage = storage

    async def read(self, after: Position | None, wanted: EventFilter, limit: int) -> EventPage:
        end = await self.latest()
        if after is not None and after > end:
            raise EventsExpired(OLDEST)
        behind = [each for each in self._storage.rows.events if each.position > (after or OLDEST)]
        found = [each for each in behind if wanted.passes(each)][:limit]
        if len(found) == limit:
            return EventPage(found, found[-1].position, caught_up=False)
        return EventPage(found, end, caught_up=True)

    async def latest(self) -> Position:
        self._storage.reach()
        events = self._storage.rows.events
        return events[-1].position if events else OLDEST
