"""Everything that is kept is sent again, whatever was dropped before."""

from dataclasses import dataclass

from application.access.actor import OPERATOR
from application.events.event_log import EventFilter, EventPage, EventsExpired, Position
from application.webhooks.on_demand import ReplayEvents
from webhooks.world import World


@dataclass
class Shortened:
    """A log whose events up to a position were dropped."""

    world: World
    oldest: Position

    async def read(self, after: Position | None, wanted: EventFilter, limit: int) -> EventPage:
        if after is not None and after < self.oldest:
            raise EventsExpired(self.oldest)
        return await self.world.events.read(after, wanted, limit)

    async def latest(self) -> Position:
        return await self.world.events.latest()


async def test_a_replay_from_the_beginning_sends_all_that_is_kept() -> None:
    world = World()
    webhook_id = await world.create()
    ids = [*await world.append(), *await world.append(), *await world.append()]
    assert await world.work() == ids
    position = await ReplayEvents(world.storage.begin, world.events)(webhook_id, None, actor=OPERATOR)
    assert position < Position.parse(ids[0])
    assert await world.work() == ids
    # By now the first day is gone.
    shortened = Shortened(world, Position.parse(ids[0]))
    assert await ReplayEvents(world.storage.begin, shortened)(webhook_id, None, actor=OPERATOR) == shortened.oldest
    assert await world.work(events=shortened) == ids[1:]
    assert world.observed.skips == 0
