"""Reading the event log when nothing is withheld: the server's own transactions, such as ANALYZE, hold it up too."""

import asyncio

from application.events.event_log import EventFilter, EventPage, EventReader, Position
from specification.event_schemas import check_event
from waiting import PATIENCE


async def settled_page(reader: EventReader, after: Position | None, wanted: EventFilter, limit: int) -> EventPage:
    """Read a page once no open transaction withholds an event."""
    async with asyncio.timeout(PATIENCE):
        while (page := await reader.read(after, wanted, limit)).withheld is not None:
            await asyncio.sleep(0)
    for event in page.events:
        check_event(event.json)
    return page
