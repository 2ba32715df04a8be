"""The schema's version: migrating to this release's, and refusing to run on one that does not fit."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.connection import connect, opener_of
from adapters.postgres.errors import POOLER, past_the_pooler, unreachable_translated
from application.prices.rollup import HistoryUpkeep
from application.storage import StorageUnavailable

log = structlog.get_logger(__name__)

OLDEST_SERVER = 15
"""The oldest major version of PostgreSQL that this release is tested with."""

SCHEMA_NEEDED = "0014"
"""The newest migration that this release relies on; revisions are numbered, so they compare as text."""

_OURS = re.compile(r"\d{4}")
_MIGRATIONS = Path(__file__).with_name("migrations")
# A session lock: it outlives the transactions of the migrations, and ends with a killed process.
_WAIT_LONG = text("SET LOCAL lock_timeout = 0")
_LOCK = text("SELECT pg_advisory_lock(hashtext('product-aggregator migrate'))")
_UNLOCK = text("SELECT pg_advisory_unlock(hashtext('product-aggregator migrate'))")
_SERVER = text("SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding')")
_SESSION = text("SELECT pg_backend_pid()")
_TABLES = text("""
    SELECT to_regclass('alembic_version') IS NOT NULL AS versions,
        to_regclass('schema_compatibility') IS NOT NULL AS ours,
        current_setting('transaction_read_only') = 'on' AS read_only
""")
_REVISION = text("SELECT string_agg(version_num, ' ') FROM alembic_version")
_OLDEST = text("SELECT oldest_revision FROM schema_compatibility")


class SchemaError(Exception):
    """This release cannot run on the database as it is; the text says what to do."""


class SchemaOutdated(SchemaError):
    """The database has not been migrated to what this release needs."""


class SchemaIncompatible(SchemaError):
    """A newer release changed the database in a way that this one does not understand."""


class ServerUnsuitable(SchemaError):
    """This service cannot run on the server, or on the database in it."""


async def migrate(
    engine: AsyncEngine, history: HistoryUpkeep, make_queue_tables: Callable[[], Awaitable[None]]
) -> None:
    """Bring the database to this release's version. Of several callers one migrates, and the rest wait.

    A database of a newer release that this one can run on is left as it is.

    Raises:
        SchemaError: this release cannot run on the database.
        StorageUnavailable: the database cannot be reached.
    """
    await _require_server(engine)
    async with connect(engine) as connection:
        await connection.execute(_WAIT_LONG)
        await connection.execute(_LOCK)
        await connection.commit()
        try:
            if (await _read_versions(connection)).revision <= SCHEMA_NEEDED:
                await connection.commit()
                await connection.run_sync(_upgrade)
        finally:
            await connection.rollback()
            await connection.execute(_UNLOCK)
    await require_schema(engine)
    await history.prepare_history()
    # A plan may have a single connection left, which the queue's driver then needs.
    await engine.dispose()
    await make_queue_tables()


async def require_schema(engine: AsyncEngine) -> None:
    """Check at a process's start that this release can run on the database; warn if that is newer.

    Migrations only expand within a release, so that rolling back is possible. The database itself
    stores the oldest revision whose code may still run on it.

    Raises:
        SchemaError: it cannot; the text says what to do.
        StorageUnavailable: the database cannot be reached.
    """
    await _require_server(engine)
    if (await _fitting_versions(engine)).revision > SCHEMA_NEEDED:
        log.warning("the database is newer than this release", known=SCHEMA_NEEDED)


async def schema_state(engine: AsyncEngine) -> str:
    """Return `ok`, `outdated`, `incompatible` or `read-only`.

    Raises:
        StorageUnavailable
    """
    try:
        found = await _fitting_versions(engine)
    except SchemaOutdated:
        return "outdated"
    except SchemaError:
        return "incompatible"
    return "read-only" if found.read_only else "ok"


async def require_sessions(engine: AsyncEngine) -> None:
    """Check that no pooler of transactions stands before the server, unless the engine was made for one.

    Raises:
        ServerUnsuitable: one does.
        StorageUnavailable
    """
    if await _transactions_are_pooled(engine):
        raise ServerUnsuitable(f"{POOLER[0].upper()}{POOLER[1:]}.")


async def _transactions_are_pooled(engine: AsyncEngine) -> bool:
    if opener_of(engine).pooled:
        return False
    async with connect(engine) as connection:
        session = (await connection.execute(_SESSION)).scalar_one()
        driver = (await connection.get_raw_connection()).driver_connection
        # A pooler reports a number of its own, by which it would cancel statements.
        if driver is None or driver.get_server_pid() == session:
            return False
        await connection.commit()
        try:
            with unreachable_translated():
                sessions = await opener_of(engine).sessions()
        except StorageUnavailable:
            # A pooler of sessions may have none left beside ours.
            return False
    return len(sessions) > 1 or session in sessions


async def require_way_past_pooler(engine: AsyncEngine) -> None:
    """Check at a process's start that DATABASE_DIRECT_URL, which the engine is for, leads past the pooler.

    Raises:
        ServerUnsuitable: it leads to one.
        StorageUnavailable: the database cannot be reached by it.
    """
    try:
        with past_the_pooler():
            pooled = await _transactions_are_pooled(engine)
    finally:
        # A process may need no further session.
        await engine.dispose()
    if pooled:
        raise ServerUnsuitable(
            "A pooler in transaction mode stands at DATABASE_DIRECT_URL, too: let that lead past it."
        )


@dataclass(frozen=True, slots=True)
class _Versions:
    """The database's revision and the oldest revision whose code may run on it; both empty if it is empty."""

    revision: str = ""
    oldest: str = ""
    read_only: bool = False


async def _fitting_versions(engine: AsyncEngine) -> _Versions:
    async with connect(engine) as connection:
        found = await _read_versions(connection)
    if found.revision < SCHEMA_NEEDED:
        raise SchemaOutdated("The database is older than this release needs: run `aggregator migrate` first.")
    if found.oldest > SCHEMA_NEEDED:
        raise SchemaIncompatible("The database was changed by a newer release that this one cannot follow: run that.")
    return found


async def _read_versions(connection: AsyncConnection) -> _Versions:
    tables = (await connection.execute(_TABLES)).one()
    if not tables.versions:
        return _Versions(read_only=tables.read_only)
    revision = (await connection.execute(_REVISION)).scalar_one() or ""
    if revision and not (tables.ours and _OURS.fullmatch(revision)):
        raise ServerUnsuitable(
            "The database is another application's, because its alembic_version is no migration of this service: "
            "give this service a database of its own in DATABASE_URL."
        )
    oldest = (await connection.execute(_OLDEST)).scalar_one() if tables.ours else ""
    return _Versions(revision, oldest, tables.read_only)


async def _require_server(engine: AsyncEngine) -> None:
    await require_sessions(engine)
    async with connect(engine) as connection:
        version, encoding = (await connection.execute(_SERVER)).one()
    if version < OLDEST_SERVER:
        raise ServerUnsuitable(f"PostgreSQL {version} is too old: {OLDEST_SERVER} or newer is needed.")
    if encoding != "UTF8":
        raise ServerUnsuitable(
            f"The database's encoding is {encoding}: create one with ENCODING 'UTF8' and TEMPLATE template0."
        )


def _upgrade(connection: Connection) -> None:
    # Imported here, so that processes that do not migrate need not pay for it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
