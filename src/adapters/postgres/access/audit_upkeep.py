"""Upkeep of the audit log: months made ahead, and dropped when their time is over."""

from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.access.rows import AUDIT_RECORD
from adapters.postgres.connection import connect
from adapters.postgres.partitions import (
    Partition,
    drop_partition,
    dropping_alone,
    existing,
    make_partitions,
    month_of,
)
from adapters.postgres.prices.dropped_history import counted_from

MONTHS_AHEAD = 3
"""No write can be recorded in a month that has no partition, so a worker may be down for this long."""

_NOW = text("SELECT now()")
# Row triggers reach the partitions by themselves, those against TRUNCATE do not.
_UNGUARDED = text("""
    SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_record'::regclass
    AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = inhrelid AND tgname = 'audit_record_not_emptied')
""")


class SqlAlchemyAuditUpkeep:
    """See `AuditUpkeep`; each step is a transaction of its own."""

    def __init__(self, engine: AsyncEngine, kept: timedelta) -> None:
        self._engine = engine
        self._kept = kept

    async def prepare(self) -> None:
        async with connect(self._engine) as connection:
            today = await _now(connection)
            # The month before, because the database's clock may be set back a little.
            month = (today.replace(day=1) - timedelta(days=1)).date()
            wanted = []
            for _ in range(MONTHS_AHEAD + 2):
                wanted.append(month_of(AUDIT_RECORD, month))
                month = wanted[-1][2]
            await make_partitions(connection, wanted)
            await _guard(connection)

    async def drop_expired(self) -> int:
        async with connect(self._engine) as connection, dropping_alone(connection) as alone:
            if not alone:
                return 0
            now = await counted_from(connection, await _now(connection), "audit counted from")
            partitions = await existing(connection, [AUDIT_RECORD])
            await connection.commit()
            expired = [each for each in partitions if each.half_dropped or _end(each) <= now - self._kept]
            for partition in expired:
                await drop_partition(self._engine, partition)
        return len(expired)


async def _guard(connection: AsyncConnection) -> None:
    for partition in (await connection.execute(_UNGUARDED)).scalars().all():
        await connection.execute(
            text(
                f"CREATE OR REPLACE TRIGGER audit_record_not_emptied BEFORE TRUNCATE ON {partition} "
                "EXECUTE FUNCTION refuse_change_of_audit_record()"
            )
        )
        await connection.commit()


async def _now(connection: AsyncConnection) -> datetime:
    now: datetime = (await connection.execute(_NOW)).scalar_one()
    await connection.commit()
    return now


def _end(partition: Partition) -> datetime:
    following: date = month_of(AUDIT_RECORD, partition.first_day)[2]
    return datetime.combine(following, time(), UTC)
