"""Migrations, for real: up, down and up again, by many at once, and no difference from the tables in the code."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Interval, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.job_queue import create_queue_tables
from adapters.postgres import schema
from adapters.postgres.connection import DatabaseLimits, create_engine
from adapters.postgres.prices.rollup import SqlAlchemyHistoryUpkeep
from adapters.postgres.rows import metadata
from adapters.postgres.schema import SchemaIncompatible, SchemaOutdated, migrate, require_schema
from domain.prices.retention import Retention
from storages.databases import NewDatabase
from storages.storage import add, new_product, on_postgres


@pytest.fixture
async def empty_dsn(new_database: NewDatabase) -> str:
    return await new_database()


@pytest.fixture
async def empty(empty_dsn: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(empty_dsn, DatabaseLimits(connections=3, statement=10))
    yield engine
    await engine.dispose()


async def migrate_with_queue(dsn: str, engine: AsyncEngine) -> None:
    await migrate(engine, SqlAlchemyHistoryUpkeep(engine, Retention()), partial(create_queue_tables, dsn))


async def test_an_empty_database_is_refused_until_it_is_migrated(empty_dsn: str, empty: AsyncEngine) -> None:
    with pytest.raises(SchemaOutdated):
        await require_schema(empty)
    await migrate_with_queue(empty_dsn, empty)
    await require_schema(empty)


async def test_a_newer_release_can_be_rolled_back_unless_it_says_that_it_cannot(
    empty_dsn: str, empty: AsyncEngine
) -> None:
    await migrate_with_queue(empty_dsn, empty)
    async with empty.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await migrate_with_queue(empty_dsn, empty)
    async with empty.begin() as connection:
        await connection.execute(text("UPDATE schema_compatibility SET oldest_revision = '9999'"))
    with pytest.raises(SchemaIncompatible):
        await require_schema(empty)
    with pytest.raises(SchemaIncompatible):
        await migrate_with_queue(empty_dsn, empty)


async def test_an_older_schema_is_refused_and_a_newer_one_accepted(empty_dsn: str, empty: AsyncEngine) -> None:
    await migrate_with_queue(empty_dsn, empty)
    for version, accepted in (("0000", False), ("9999", True)):
        async with empty.begin() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
        if accepted:
            await require_schema(empty)
        else:
            with pytest.raises(SchemaOutdated):
                await require_schema(empty)


async def test_many_may_migrate_at_once_and_again(empty_dsn: str, empty: AsyncEngine) -> None:
    engines = [create_engine(empty_dsn, DatabaseLimits(connections=3, statement=10)) for _ in range(4)]
    await asyncio.gather(*(migrate_with_queue(empty_dsn, engine) for engine in engines))
    for engine in engines:
        await engine.dispose()
    await migrate_with_queue(empty_dsn, empty)
    await add(on_postgres(empty).begin, new_product())


async def test_a_migration_waits_for_another_that_takes_long(empty_dsn: str, empty: AsyncEngine) -> None:
    reached, goes_on = asyncio.Event(), asyncio.Event()

    async def slow_queue_tables() -> None:
        reached.set()
        await goes_on.wait()

    slow = asyncio.create_task(migrate(empty, SqlAlchemyHistoryUpkeep(empty, Retention()), slow_queue_tables))
    await reached.wait()
    lock_timeout = 0.05
    other = create_engine(empty_dsn, DatabaseLimits(connections=3, statement=10, lock=lock_timeout))
    waiting = asyncio.create_task(migrate_with_queue(empty_dsn, other))
    while not waiting.done() and not await waits_longer(empty, timedelta(seconds=lock_timeout)):
        await asyncio.sleep(0)
    goes_on.set()
    failed, refused = await asyncio.gather(slow, waiting, return_exceptions=True)
    await other.dispose()
    assert failed is None
    assert refused is None


async def waits_longer(engine: AsyncEngine, than: timedelta) -> bool:
    """Whether a connection to the database has waited for the lock of a migration for longer than that."""
    waiting = text("""
        SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND waitstart < clock_timestamp() - :than
    """).bindparams(bindparam("than", type_=Interval))
    async with engine.connect() as connection:
        return bool((await connection.execute(waiting, {"than": than})).scalar_one())


async def test_the_schema_goes_down_and_up_again(empty_dsn: str, empty: AsyncEngine) -> None:
    await migrate_with_queue(empty_dsn, empty)
    async with empty.connect() as connection:
        await connection.run_sync(downgrade)
    async with empty.connect() as connection:
        left = await connection.execute(
            text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        )
        assert {name for name in left.scalars() if not name.startswith("alembic_version")} == set()
    await migrate_with_queue(empty_dsn, empty)
    await add(on_postgres(empty).begin, new_product())


async def test_the_migrated_schema_is_that_of_the_tables_in_the_code(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []


def differences(connection: Connection) -> list[object]:
    def ours(_object: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
        return kind != "table" or name in metadata.tables

    context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": ours})
    return list(compare_metadata(context, metadata))


def downgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(schema._MIGRATIONS))
    config.attributes["connection"] = connection
    command.downgrade(config, "base")
