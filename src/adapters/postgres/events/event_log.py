"""The event log's end on PostgreSQL."""

from typing import Any

import msgspec
from sqlalchemy import JSON, Column, Text, Uuid, cast, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.bulk import arrays, unnested
from adapters.postgres.events.tables import event, event_log
from adapters.postgres.rows import Timestamp
from domain.event import Event

# Data travels as text: the driver has no arrays of JSON.
_COLUMNS: tuple[Column[Any], ...] = (
    Column("type", Text()),
    Column("subject", Uuid()),
    Column("time", Timestamp),
    Column("data", Text()),
)
_new = unnested(*_COLUMNS)
# One statement however many events there are; numbers are taken in the order of the rows.
_APPEND = insert(event).from_select(
    ["generation", "type", "subject", "time", "data"],
    select(select(event_log.c.generation).scalar_subquery(), *list(_new.c)[:3], cast(_new.c.data, JSON)),
)
_encode = msgspec.json.Encoder().encode


class PostgresEventLog:
    """See `EventLog`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def append(self, *events: Event) -> None:
        if events:
            rows = [(each.type.value, each.subject, each.time, _encode(each.data).decode()) for each in events]
            await self._session.execute(_APPEND, arrays(_COLUMNS, rows))
