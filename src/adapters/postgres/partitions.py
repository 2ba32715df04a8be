"""Partitions by time: made before they are written to, and dropped without blocking readers or writers.

A partition is named after its table and its first day. Making one and dropping one may be killed at any point: the next
call finishes the work.
"""

import re
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.connection import connect

# IF NOT EXISTS looks before it locks: without this lock, one of two sessions that make the same partition fails.
_ONE_BY_ONE = text("SELECT pg_advisory_xact_lock(hashtext('product-aggregator partitions'))")
_ONE_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtext('product-aggregator partitions'))")
_TRY_DROPPING = text("SELECT pg_try_advisory_lock(hashtext('product-aggregator drop'))")
_END_DROPPING = text("SELECT pg_advisory_unlock(hashtext('product-aggregator drop'))")
# A partition that is being detached no longer belongs to its table; one that was detached is a table of its own.
_EXISTING = text("""
    SELECT relname AS name, inhparent IS NOT NULL AS attached, coalesce(inhdetachpending, false) AS detaching
    FROM pg_class LEFT JOIN pg_inherits ON inhrelid = pg_class.oid
    WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
    AND relname ~ :names ORDER BY relname
""")


@dataclass(frozen=True, slots=True)
class Partition:
    """The rows of one table from one day on, and how far it is attached to that table."""

    table: str
    first_day: date
    attached: bool = True
    detaching: bool = False

    @property
    def name(self) -> str:
        """The partition's own name."""
        return f"{self.table}_{self.first_day:%Y%m%d}"

    @property
    def half_dropped(self) -> bool:
        """Whether a drop of it has begun."""
        return self.detaching or not self.attached


async def existing(connection: AsyncConnection, tables: Collection[Table]) -> list[Partition]:
    """Return all partitions of these tables, detached ones too."""
    named = rf"({'|'.join(table.name for table in tables)})_(\d{{8}})"
    rows = await connection.execute(_EXISTING, {"names": f"^{named}$"})
    found = [(row, re.fullmatch(named, row.name)) for row in rows]
    return [
        Partition(match[1], date.fromisoformat(match[2]), row.attached, row.detaching)
        for row, match in found
        if match is not None
    ]


async def make_partitions(connection: AsyncConnection, wanted: Iterable[tuple[Table, date, date]]) -> None:
    """Make the wanted partitions that are missing; each is a table, a first day and the day after the last.

    Those whose drop was begun are attached again, with their rows.
    """
    wanted = list(wanted)
    tables = {table for table, _, _ in wanted}
    there = {partition.name: partition for partition in await existing(connection, tables)}
    await connection.commit()
    half_dropped: list[tuple[Partition, str]] = []
    for table, first_day, following in wanted:
        partition = Partition(table.name, first_day)
        bounds = f"FOR VALUES FROM ('{first_day} 00:00+00') TO ('{following} 00:00+00')"
        found = there.get(partition.name)
        if found is None:
            await connection.execute(_ONE_BY_ONE)
            await connection.execute(
                text(f"CREATE TABLE IF NOT EXISTS {partition.name} PARTITION OF {partition.table} {bounds}")
            )
            await connection.commit()
        elif found.half_dropped:
            half_dropped.append((found, bounds))
    # Last, because it waits for readers.
    for partition, bounds in half_dropped:
        # Not waiting for another session: it would wait in turn for the snapshot of this one.
        if (await connection.execute(_ONE_ALONE)).scalar_one():
            now = await existing(connection, tables)
            as_now = [each for each in now if each.name == partition.name and each.half_dropped]
            for found in as_now:
                await _attach(connection, found, bounds)
        await connection.commit()


async def _attach(connection: AsyncConnection, partition: Partition, bounds: str) -> None:
    if partition.detaching:
        await connection.execute(text(f"ALTER TABLE {partition.table} DETACH PARTITION {partition.name} FINALIZE"))
    await connection.execute(text(f"ALTER TABLE {partition.table} ATTACH PARTITION {partition.name} {bounds}"))


@asynccontextmanager
async def dropping_alone(connection: AsyncConnection) -> AsyncIterator[bool]:
    """Take the lock on dropping partitions without waiting; False if another session has it."""
    alone: bool = (await connection.execute(_TRY_DROPPING)).scalar_one()
    await connection.commit()
    try:
        yield alone
    finally:
        if alone:
            await connection.execute(_END_DROPPING)
            await connection.commit()


async def drop_partition(engine: AsyncEngine, partition: Partition) -> None:
    """Detach a partition, which waits for its readers without blocking others, and then drop it."""
    # DETACH … CONCURRENTLY is two transactions of its own.
    async with connect(engine.execution_options(isolation_level="AUTOCOMMIT")) as connection:
        if partition.attached:
            how = "FINALIZE" if partition.detaching else "CONCURRENTLY"
            await connection.execute(text(f"ALTER TABLE {partition.table} DETACH PARTITION {partition.name} {how}"))
        await connection.execute(text(f"DROP TABLE IF EXISTS {partition.name}"))


def day_of(table: Table, day: date) -> tuple[Table, date, date]:
    """Return the partition of one day."""
    return table, day, day + timedelta(days=1)


def month_of(table: Table, day: date) -> tuple[Table, date, date]:
    """Return the partition of the month that this day is in."""
    first = day.replace(day=1)
    return table, first, (first + timedelta(days=31)).replace(day=1)
