"""The table of the audit log: append-only, partitioned by month, months made ahead and dropped."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.access.audit_upkeep import MONTHS_AHEAD, SqlAlchemyAuditUpkeep
from adapters.postgres.partitions import dropping_alone
from application.access.actor import OPERATOR
from application.access.audit import Action, AuditEntry
from application.access.audit_records import AuditFilter
from storages.databases import NewDatabase, migrated
from storages.storage import on_postgres

YEAR = timedelta(days=365)


@pytest.fixture
async def alone(new_database: NewDatabase) -> AsyncIterator[AsyncEngine]:
    """Give a database of its own, whose partitions no other test needs."""
    async with migrated(await new_database()) as engine:
        yield engine


async def append(engine: AsyncEngine) -> None:
    async with on_postgres(engine).begin() as work:
        await work.audit.append(AuditEntry(OPERATOR, Action.LOGGED_IN))
        await work.commit()


async def execute(engine: AsyncEngine, sql: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(text(sql))


async def months(engine: AsyncEngine) -> list[str]:
    partitions = "SELECT relname FROM pg_class WHERE relname ~ '^audit_record_[0-9]{8}$' ORDER BY relname"
    async with engine.connect() as connection:
        return list((await connection.execute(text(partitions))).scalars())


async def current(engine: AsyncEngine) -> str:
    async with engine.connect() as connection:
        now: datetime = (await connection.execute(text("SELECT now()"))).scalar_one()
    return f"audit_record_{now:%Y%m}01"


async def test_what_a_newer_release_has_written_is_read_as_it_is(alone: AsyncEngine) -> None:
    await execute(
        alone,
        "INSERT INTO audit_record (at, id, actor_kind, actor_id, actor_name, action, subject_kind, subject_id) "
        "VALUES (now(), gen_random_uuid(), 'robot', 'r', 'R', 'order.created', 'order', '1')",
    )
    await execute(
        alone,
        "INSERT INTO api_key (id, name, prefix, digest, scopes, created_at) "
        "VALUES (gen_random_uuid(), 'Shop', 'pak_7Qm2XbTe', 'digest', '{audit:read,orders:write}', now())",
    )
    storage = on_postgres(alone)
    ((record,), _) = await storage.audit.page(AuditFilter(), 10)
    assert record.subject is not None
    assert (record.actor.kind, record.action, record.subject.kind) == ("robot", "order.created", "order")
    (key,) = await storage.keys.list(10)
    in_force = await storage.keys.in_force(b"digest")
    assert in_force is not None
    assert set(key.scopes) == in_force.scopes == {"audit:read", "orders:write"}


async def test_a_record_is_never_changed_or_removed(database: AsyncEngine) -> None:
    await append(database)
    for table in ("audit_record", await current(database)):
        for sql in (f"UPDATE {table} SET actor_name = 'nobody'", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(DBAPIError, match="audit records are never changed"):
                await execute(database, sql)
    async with database.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM audit_record"))).scalar_one() == 1


async def test_months_are_made_ahead_and_guarded(alone: AsyncEngine) -> None:
    made = await months(alone)
    assert len(made) == MONTHS_AHEAD + 2
    assert made[1] == await current(alone)
    for month in made:
        await execute(alone, f"DROP TABLE {month}")
    upkeep = SqlAlchemyAuditUpkeep(alone, YEAR)
    await upkeep.prepare()
    await upkeep.prepare()
    assert await months(alone) == made
    await append(alone)
    for month in made:
        with pytest.raises(DBAPIError, match="audit records are never changed"):
            await execute(alone, f"TRUNCATE {month}")


async def test_a_month_is_dropped_once_its_last_record_is_old_enough(alone: AsyncEngine) -> None:
    for first, following in (("2020-01-01", "2020-02-01"), ("2020-02-01", "2020-03-01")):
        await execute(
            alone,
            f"CREATE TABLE audit_record_{first.replace('-', '')} PARTITION OF audit_record "
            f"FOR VALUES FROM ('{first} 00:00+00') TO ('{following} 00:00+00')",
        )
    await append(alone)
    kept = await months(alone)
    async with alone.connect() as connection:
        since = text("SELECT now() - timestamptz '2020-02-15 00:00+00'")
        upkeep = SqlAlchemyAuditUpkeep(alone, (await connection.execute(since)).scalar_one())
    assert await upkeep.drop_expired() == 1
    assert await months(alone) == [month for month in kept if month != "audit_record_20200101"]
    assert await upkeep.drop_expired() == 0
    assert await SqlAlchemyAuditUpkeep(alone, YEAR).drop_expired() == 1
    assert len((await on_postgres(alone).audit.page(AuditFilter(), 10))[0]) == 1


async def test_nothing_is_dropped_while_another_session_drops(alone: AsyncEngine) -> None:
    upkeep = SqlAlchemyAuditUpkeep(alone, YEAR)
    await execute(
        alone,
        "CREATE TABLE audit_record_20200101 PARTITION OF audit_record "
        "FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2020-02-01 00:00+00')",
    )
    async with alone.connect() as other, dropping_alone(other):
        assert await upkeep.drop_expired() == 0
        assert "audit_record_20200101" in await months(alone)
    assert await upkeep.drop_expired() == 1


async def test_a_clock_that_is_far_ahead_costs_a_day_at_most_in_each_run(alone: AsyncEngine) -> None:
    upkeep = SqlAlchemyAuditUpkeep(alone, timedelta(days=1))
    await execute(alone, "INSERT INTO history_dropped VALUES ('audit counted from', now() - INTERVAL '400 days')")
    made = await months(alone)
    assert await upkeep.drop_expired() == 0
    assert await months(alone) == made


@pytest.mark.parametrize(
    "where",
    ["actor_id = 'x'", "action = 'x'", "subject_id = 'x'", "at <= now() AND (at, id) < (now(), gen_random_uuid())"],
)
async def test_every_filter_reads_pages_from_an_index(database: AsyncEngine, where: str) -> None:
    async with database.begin() as connection:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        await connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        page = f"EXPLAIN SELECT * FROM audit_record WHERE {where} ORDER BY at DESC, id DESC LIMIT 20"
        plan = "\n".join((await connection.execute(text(page))).scalars())
    assert "Index Scan" in plan
    assert "Sort" not in plan, plan
