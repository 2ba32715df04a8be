"""The event log's readers on PostgreSQL, by the driver's own statements: a listening process asks several a second."""

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import fetch
from adapters.postgres.events.cloud_event import encode_event
from application.events.event_log import EventFilter, EventPage, EventsExpired, Position, RecordedEvent
from domain.event import EventType

SEARCHED = 10_000
"""Events that one call looks at."""

# Events of one snapshot: all transactions before its `xmin` have ended, so none can write below the horizon any more.
# Partitions ahead are left out; a clock that was set back a little has written no further than two days ahead.
_HEAD = """
    WITH head AS MATERIALIZED (
        SELECT generation AS log_generation, dropped_generation, dropped_transaction, dropped_number,
            pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon,
            pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS following
        FROM event_log
    )
"""
_BEHIND = """
    FROM event
    WHERE (generation, transaction, number) > ($1::smallint, $2::bigint, $3::bigint)
    AND (generation, transaction) < {horizon}
    AND recorded_at < now() + INTERVAL '2 days'
    ORDER BY generation, transaction, number
"""
# `log` is made first and once: beside the events, `withheld` would be looked up for each of them.
READ = f"""
    {_HEAD}, log AS MATERIALIZED (
        SELECT head.*, (
            SELECT clock_timestamp() - recorded_at FROM event
            WHERE generation = head.log_generation AND transaction >= head.horizon
            AND recorded_at < now() + INTERVAL '2 days'
            ORDER BY generation, transaction, number LIMIT 1
        ) AS withheld
        FROM head
    )
    SELECT log.*, found.* FROM log LEFT JOIN LATERAL (
        SELECT * FROM (
            SELECT generation, transaction, number, type, subject, time, data::text AS data
            {_BEHIND.format(horizon="(log.log_generation, log.horizon)")} LIMIT $4
        ) AS searched
        WHERE type = ANY($5::text[]) AND ($6::uuid[] IS NULL OR subject = ANY($6::uuid[]))
        ORDER BY generation, transaction, number LIMIT $7
    ) AS found ON true
    ORDER BY generation, transaction, number
"""
# A position is that of an event, never the horizon: a server that has crashed may give transaction ids anew that no
# commit has written to disk, and their rows would then lie before a position at the horizon.
_LAST_SEARCHED = f"""
    WITH searched AS (
        SELECT generation, transaction, number {_BEHIND.format(horizon="($5::smallint, $6::bigint)")} LIMIT $4
    )
    SELECT *, (SELECT count(*) FROM searched) AS events
    FROM searched ORDER BY generation DESC, transaction DESC, number DESC LIMIT 1
"""
_LATEST = f"""
    {_HEAD}
    SELECT coalesce(last.generation, dropped_generation), coalesce(last.transaction, dropped_transaction),
        coalesce(last.number, dropped_number)
    FROM head LEFT JOIN LATERAL (
        SELECT generation, transaction, number FROM event
        WHERE (generation, transaction) < (head.log_generation, head.horizon)
        AND recorded_at < now() + INTERVAL '2 days'
        ORDER BY generation DESC, transaction DESC, number DESC LIMIT 1
    ) AS last ON true
"""


class PostgresEventReader:
    """See `EventReader`."""

    def __init__(self, engine: AsyncEngine, searched: int = SEARCHED) -> None:
        self._engine = engine
        self._searched = searched

    async def read(self, after: Position | None, wanted: EventFilter, limit: int) -> EventPage:
        behind = Position(0, 0, 0) if after is None else after
        ids = None if wanted.product_ids is None else list(wanted.product_ids)
        types = [each.value for each in wanted.types]
        rows = await fetch(self._engine, READ, (*behind, self._searched, types, ids, limit))
        head = rows[0]
        oldest = Position(head["dropped_generation"], head["dropped_transaction"], head["dropped_number"])
        if after is not None and not oldest <= after < (head["log_generation"], head["following"] + 1):
            raise EventsExpired(oldest)
        events = [_read(row) for row in rows if row["number"] is not None]
        if len(events) == limit:
            return EventPage(events, events[-1].position, caught_up=False, withheld=head["withheld"])
        bound = (*behind, self._searched, head["log_generation"], head["horizon"])
        last = await fetch(self._engine, _LAST_SEARCHED, bound)
        if not last:
            return EventPage(events, max(behind, oldest), caught_up=True, withheld=head["withheld"])
        *position, count = last[0]
        return EventPage(events, Position(*position), caught_up=count < self._searched, withheld=head["withheld"])

    async def latest(self) -> Position:
        (row,) = await fetch(self._engine, _LATEST, ())
        return Position(*row)


def _read(row: asyncpg.Record) -> RecordedEvent:
    position, kind = Position(row["generation"], row["transaction"], row["number"]), EventType(row["type"])
    json = encode_event(position, kind, row["subject"], row["time"], row["data"].encode())
    return RecordedEvent(position, kind, row["subject"], json)
