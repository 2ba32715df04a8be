"""Upkeep of the delivery log: days made ahead, and dropped when their time is over."""

from datetime import UTC, datetime, time, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.connection import connect
from adapters.postgres.partitions import day_of, drop_partition, dropping_alone, existing, make_partitions
from adapters.postgres.prices.dropped_history import counted_from
from adapters.postgres.webhooks.rows import webhook_delivery

DAYS_AHEAD = 31
"""Only workers write attempts, and each makes the days ahead when it starts."""
_NOW = text("SELECT now()")


class SqlAlchemyWebhookUpkeep:
    """See `WebhookUpkeep`; each step is a transaction of its own."""

    def __init__(self, engine: AsyncEngine, kept: timedelta) -> None:
        self._engine = engine
        self._kept = kept

    async def prepare(self) -> None:
        async with connect(self._engine) as connection:
            # The day before, because an attempt is recorded when it has ended.
            first = (await _now(connection)).date() - timedelta(days=1)
            days = [first + timedelta(days=number) for number in range(DAYS_AHEAD + 2)]
            await make_partitions(connection, [day_of(webhook_delivery, day) for day in days])

    async def drop_expired(self) -> int:
        async with connect(self._engine) as connection, dropping_alone(connection) as alone:
            if not alone:
                return 0
            until = await counted_from(connection, await _now(connection), "deliveries counted from") - self._kept
            partitions = await existing(connection, [webhook_delivery])
            await connection.commit()
            expired = [
                each
                for each in partitions
                if each.half_dropped or datetime.combine(each.first_day + timedelta(days=1), time(), UTC) <= until
            ]
            for each in expired:
                await drop_partition(self._engine, each)
        return len(expired)


async def _now(connection: AsyncConnection) -> datetime:
    now: datetime = (await connection.execute(_NOW)).scalar_one()
    await connection.commit()
    return now
