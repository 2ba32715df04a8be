"""The trouble with a database that cannot serve is one line."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.access.login_failures import SqlAlchemyLoginFailures
from adapters.postgres.connection import DatabaseLimits, connect, create_engine, fetch
from adapters.postgres.pool import pool_of
from adapters.postgres.prices.rollup import SqlAlchemyHistoryUpkeep
from adapters.postgres.schema import ServerUnsuitable, migrate, require_schema, schema_state
from application.storage import StorageUnavailable
from domain.prices.retention import Retention
from storages.databases import NewDatabase, migrated
from storages.storage import add, new_product, on_postgres

ALTER_DATABASE = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I {}', current_database()); END $$"


@asynccontextmanager
async def engine_for(dsn: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(dsn, DatabaseLimits(connections=2))
    try:
        yield engine
    finally:
        await engine.dispose()


async def execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def no_tables() -> None:
    pass


async def test_a_read_only_database_refuses_writes_and_says_so(new_database: NewDatabase) -> None:
    dsn = await new_database()
    async with migrated(dsn):
        await execute(dsn, ALTER_DATABASE.format("SET default_transaction_read_only = on"))
        async with engine_for(dsn) as engine:
            assert await schema_state(engine) == "read-only"
            with pytest.raises(StorageUnavailable, match="the database is read-only"):
                await add(on_postgres(engine).begin, new_product())
            with pytest.raises(StorageUnavailable, match="read-only"):
                await SqlAlchemyLoginFailures(engine).note(b"account", "192.0.2.1", timedelta(minutes=1))


async def test_one_write_finds_out_for_all_connections_that_a_database_is_no_longer_read_only(
    new_database: NewDatabase,
) -> None:
    dsn = await new_database()
    await execute(
        dsn, "CREATE TABLE written (by text)", ALTER_DATABASE.format("SET default_transaction_read_only = on")
    )
    async with engine_for(dsn) as engine:
        async with connect(engine), connect(engine):
            """Both connections of the pool are open."""
        await execute(
            dsn,
            "SET default_transaction_read_only = off",
            ALTER_DATABASE.format("RESET default_transaction_read_only"),
        )
        with pytest.raises(StorageUnavailable, match="read-only"):
            await fetch(engine, "INSERT INTO written VALUES ('driver')", ())
        async with connect(engine) as one, connect(engine) as other:
            for connection in (one, other):
                await connection.execute(text("INSERT INTO written VALUES ('session')"))


async def test_a_new_connection_is_lent_although_a_write_was_refused_while_it_was_opened(dsn: str) -> None:
    async with engine_for(dsn) as engine:
        await fetch(engine, "SELECT", ())
        pool = pool_of(engine)
        event.listen(pool, "connect", lambda *_: pool.renew_next(), insert=True)
        pool.renew_next()
        await fetch(engine, "SELECT", ())


async def test_a_role_without_rights_is_told_where_they_are_listed(new_database: NewDatabase) -> None:
    dsn = await new_database()
    async with migrated(dsn):
        await execute(dsn, "DROP ROLE IF EXISTS powerless", "CREATE ROLE powerless LOGIN")
        async with engine_for(dsn.replace("://aggregator@", "://powerless@")) as engine:
            with pytest.raises(StorageUnavailable, match="lacks a right"):
                await require_schema(engine)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda dsn: dsn.replace("/aggregator?", "/nowhere?"), "the database that DATABASE_URL names does not exist"),
        (lambda dsn: dsn.replace("://aggregator@", "://nobody_known@"), "the database refuses the user"),
    ],
    ids=["database", "user"],
)
async def test_a_wrong_name_in_the_url_is_named(dsn: str, change: Callable[[str], str], reason: str) -> None:
    async with engine_for(change(dsn)) as engine:
        with pytest.raises(StorageUnavailable, match=reason):
            await require_schema(engine)


async def test_another_encoding_is_refused(new_database: NewDatabase) -> None:
    dsn = await new_database("ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'")
    async with engine_for(dsn) as engine:
        with pytest.raises(ServerUnsuitable, match="encoding is LATIN1: create one with ENCODING 'UTF8'"):
            await migrate(engine, SqlAlchemyHistoryUpkeep(engine, Retention()), no_tables)


async def test_the_database_of_another_application_is_left_alone(new_database: NewDatabase) -> None:
    dsn = await new_database()
    await execute(
        dsn,
        "CREATE TABLE alembic_version (version_num text)",
        "INSERT INTO alembic_version VALUES ('of_another')",
    )
    async with engine_for(dsn) as engine:
        with pytest.raises(ServerUnsuitable, match="another application's"):
            await migrate(engine, SqlAlchemyHistoryUpkeep(engine, Retention()), no_tables)
