"""Upkeep of the event log: days made ahead, and dropped when their time is over; another cluster noticed."""

from datetime import UTC, datetime, time, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.connection import connect
from adapters.postgres.events.tables import event
from adapters.postgres.partitions import (
    Partition,
    day_of,
    drop_partition,
    dropping_alone,
    existing,
    make_partitions,
)
from adapters.postgres.prices.dropped_history import counted_from

DAYS_AHEAD = 31
"""No write can be recorded on a day that has no partition, so a worker may be down for this long."""

_NOW = text("SELECT now()")
# The system identifier is a cluster's own, and a dump that is restored elsewhere brings the old one along. Where it may
# not be read, transaction ids from the future tell that the log comes from an older cluster.
_ADOPT = text("""
    WITH this AS (
        SELECT CASE WHEN has_function_privilege('pg_control_system()', 'execute')
            THEN (SELECT system_identifier::text FROM pg_control_system()) END AS cluster
    )
    UPDATE event_log SET cluster = this.cluster, generation = event_log.generation + CASE
        WHEN event_log.cluster <> this.cluster THEN 1
        WHEN EXISTS (
            SELECT FROM event WHERE event.generation = event_log.generation
            AND transaction >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
        ) THEN 1
        ELSE 0 END
    FROM this
    WHERE event_log.cluster IS DISTINCT FROM this.cluster OR EXISTS (
        SELECT FROM event WHERE event.generation = event_log.generation
        AND transaction >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
    )
    RETURNING generation
""")
_LAST_OF = """
    SELECT generation, transaction, number,
        (generation, transaction) < (log_generation, pg_snapshot_xmin(pg_current_snapshot())::text::bigint) AS readable
    FROM {partition}, (SELECT generation AS log_generation FROM event_log) AS log
    ORDER BY generation DESC, transaction DESC, number DESC LIMIT 1
"""
_NOTE_DROPPED = text("""
    UPDATE event_log
    SET dropped_generation = :generation, dropped_transaction = :transaction, dropped_number = :number
    WHERE (dropped_generation, dropped_transaction, dropped_number) < (:generation, :transaction, :number)
""")


class PostgresEventUpkeep:
    """See `EventUpkeep`; each step is a transaction of its own."""

    def __init__(self, engine: AsyncEngine, kept: timedelta) -> None:
        self._engine = engine
        self._kept = kept

    async def prepare(self) -> None:
        async with connect(self._engine) as connection:
            await connection.execute(_ADOPT)
            # The day before, because the database's clock may be set back a little.
            first = (await _now(connection)).date() - timedelta(days=1)
            days = [first + timedelta(days=number) for number in range(DAYS_AHEAD + 2)]
            await make_partitions(connection, [day_of(event, day) for day in days])

    async def drop_expired(self) -> int:
        async with connect(self._engine) as connection, dropping_alone(connection) as alone:
            if not alone:
                return 0
            now = await counted_from(connection, await _now(connection), "events counted from")
            partitions = await existing(connection, [event])
            await connection.commit()
            dropped = 0
            for partition in partitions:
                if partition.half_dropped or (
                    _end(partition) <= now - self._kept and await self._note_dropped(connection, partition)
                ):
                    await drop_partition(self._engine, partition)
                    dropped += 1
        return dropped

    async def _note_dropped(self, connection: AsyncConnection, partition: Partition) -> bool:
        """Record how far the log is dropped with this partition; False if some of its events are withheld yet."""
        last = (await connection.execute(text(_LAST_OF.format(partition=partition.name)))).one_or_none()
        if last is not None and last.readable:
            numbers = {"generation": last.generation, "transaction": last.transaction, "number": last.number}
            await connection.execute(_NOTE_DROPPED, numbers)
        await connection.commit()
        return last is None or bool(last.readable)


async def _now(connection: AsyncConnection) -> datetime:
    now: datetime = (await connection.execute(_NOW)).scalar_one()
    await connection.commit()
    return now


def _end(partition: Partition) -> datetime:
    return datetime.combine(partition.first_day + timedelta(days=1), time(), UTC)
