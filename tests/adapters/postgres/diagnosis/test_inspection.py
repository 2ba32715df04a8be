"""What the doctor finds in a database that is not as it should be, and that its remedies can be run."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import DatabaseLimits, create_engine
from adapters.postgres.diagnosis import inspection
from adapters.postgres.diagnosis.inspection import SqlAlchemyDatabaseInspection
from application.diagnosis.facts import DatabaseFacts
from application.diagnosis.rules import of_database
from storages.databases import NewDatabase, migrated


@pytest.fixture
async def own(new_database: NewDatabase) -> AsyncIterator[str]:
    """Give a migrated database of its own."""
    dsn = await new_database()
    async with migrated(dsn):
        yield dsn


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def facts_of(dsn: str) -> DatabaseFacts:
    engine: AsyncEngine = create_engine(dsn, DatabaseLimits(connections=2))
    try:
        return await SqlAlchemyDatabaseInspection(engine)()
    finally:
        await engine.dispose()


async def test_a_transaction_that_has_written_is_as_old_as_it_is(own: str) -> None:
    async with connected(own) as other:
        await other.execute("BEGIN")
        await other.execute("SELECT pg_current_xact_id()")
        await asyncio.sleep(1)
        assert (await facts_of(own)).oldest_write >= timedelta(seconds=1)
        await other.execute("ROLLBACK")


async def test_a_role_lacks_what_it_lacks(own: str) -> None:
    async with connected(own) as owner:
        await owner.execute("DROP ROLE IF EXISTS lacking")
        await owner.execute("CREATE ROLE lacking LOGIN")
    assert (await facts_of(own)).missing_rights == ()
    lacking = own.replace("://aggregator@", "://lacking@")
    facts = await facts_of(lacking)
    assert facts.queue_tables
    assert facts.missing_rights == (
        "CREATE on the schema public",
        "USAGE on the schema saq",
        "ownership of the tables",
    )


async def test_bloated_tables_are_named_so_that_they_can_be_vacuumed(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "BLOAT", 5)
    async with connected(own) as other:
        for table, column in (("public.login_failure", "(address, account, failed_at)"), ("saq.saq_versions", "")):
            values = "host(i + '192.0.2.0'::inet), 'a', now()" if column else "i"
            column = column or "(version)"
            await other.execute(f"INSERT INTO {table} {column} SELECT {values} FROM generate_series(1000, 1029) AS i")
            await other.execute(f"DELETE FROM {table}")
    facts = await facts_of(own)
    assert {"login_failure", "saq.saq_versions"} <= set(facts.bloated)
    (finding,) = [each for each in of_database(facts) if "dead rows" in each.problem]
    remedy = re.search(r"`(VACUUM [^`]+)`", finding.remedy)
    assert remedy is not None
    async with connected(own) as other:
        await other.execute(remedy[1])


async def test_the_servers_own_view_of_its_disk_is_not_taken_for_ours(
    database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server may know its data by `/proc/self/…`, which is another folder in this process."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 95, 5))
    async with database.connect() as connection:
        directory = (await connection.execute(text("SHOW data_directory"))).scalar_one()
    facts = await SqlAlchemyDatabaseInspection(database)()
    assert facts.disk_free == (None if directory.startswith("/proc/") else 0.05)
