"""One reader of the log for all who listen."""

import pytest

from application.events.event_log import EVERYTHING, EventFilter, EventPage, Position
from application.events.feed import EventFeed, FeedTiming, ListenerEnded
from domain.event import Event, EventType
from factories import some_id
from fakes.event_readers import InMemoryEventReader
from fakes.storage import NOON, FakeClock, InMemoryStorage


class Defective(InMemoryEventReader):
    """Has a defect while `broken`."""

    broken = False

    async def read(self, after: Position | None, wanted: EventFilter, limit: int) -> EventPage:
        if self.broken:
            raise RuntimeError
        return await super().read(after, wanted, limit)


async def test_after_a_defect_who_comes_gets_events_while_others_have_not_left_yet() -> None:
    storage = InMemoryStorage(FakeClock())
    reader = Defective(storage)
    feed = EventFeed(reader, lambda: False, FeedTiming(pause=0.01))
    async with feed.listen(EVERYTHING) as slow:
        reader.broken = True
        with pytest.raises(ListenerEnded):
            await slow.take(20)
        reader.broken = False
        async with feed.listen(EVERYTHING) as new:
            async with storage.begin() as work:
                await work.events.append(Event(EventType.PRICE_CHANGED, some_id(), NOON, {}))
                await work.commit()
            assert len(await new.take(2)) == 1
