"""The schema's version: migrating to this release's, and refusing to run on one that does not fit."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import connect
from application.prices.rollup import HistoryUpkeep

log = structlog.get_logger(__name__)

SCHEMA_NEEDED = "0006"
"""The newest migration that this release relies on; revisions are numbered, so they compare as text."""

_MIGRATIONS = Path(__file__).with_name("migrations")
# A session lock: it outlives the transactions of the migrations, and ends with a killed process.
_WAIT_LONG = text("SET LOCAL lock_timeout = 0")
_LOCK = text("SELECT pg_advisory_lock(hashtext('product-aggregator migrate'))")
_UNLOCK = text("SELECT pg_advisory_unlock(hashtext('product-aggregator migrate'))")
_IS_EMPTY = text("SELECT to_regclass('alembic_version') IS NULL OR to_regclass('schema_compatibility') IS NULL")
_SERVER = text("""
    SELECT current_setting('server_encoding'), current_setting('server_version_num')::int / 10000
""")
OLDEST_SERVER = 15
"""The oldest major version of PostgreSQL that is supported: the statements use what came with it."""
_READ_ONLY = text("SELECT current_setting('transaction_read_only') = 'on'")
_FOREIGN = text("SELECT version_num FROM alembic_version WHERE version_num !~ '^[0-9]{4}$'")
_HAS_REVISIONS = text("SELECT to_regclass('alembic_version') IS NOT NULL")
_VERSIONS = text("""
    SELECT (SELECT version_num FROM alembic_version), (SELECT oldest_revision FROM schema_compatibility)
""")


class SchemaError(Exception):
    """This release cannot run on the database as it is; the text says what to do."""


class ServerUnsuitable(SchemaError):
    """The server or the database in it is none that this service can run on."""


class SchemaOutdated(SchemaError):
    """The database has not been migrated to what this release needs."""


class SchemaIncompatible(SchemaError):
    """A newer release changed the database in a way that this one does not understand."""


async def migrate(
    engine: AsyncEngine, history: HistoryUpkeep, make_queue_tables: Callable[[], Awaitable[None]]
) -> None:
    """Bring the database to this release's version. Of several callers one migrates, and the rest wait.

    A database of a newer release that this one can run on is left as it is.

    Raises:
        SchemaIncompatible, ServerUnsuitable: this release cannot.
        StorageUnavailable: the database cannot be reached.
    """
    await _require_server(engine)
    async with connect(engine) as guard:
        await guard.execute(_WAIT_LONG)
        await guard.execute(_LOCK)
        await guard.commit()
        try:
            if (await _versions(engine))[0] <= SCHEMA_NEEDED:
                async with engine.connect() as connection:
                    await connection.run_sync(_upgrade)
            await require_schema(engine)
            await make_queue_tables()
            await history.prepare_history()
        finally:
            await guard.execute(_UNLOCK)


async def require_schema(engine: AsyncEngine) -> None:
    """Check at a process's start that this release can run on the database; warn if that is newer.

    Raises:
        ServerUnsuitable: the server is too old, or the database is another application's or not in UTF-8.
        SchemaError, StorageUnavailable: as `is_newer`.
    """
    await _require_server(engine)
    if await is_newer(engine):
        log.warning("the database is newer than this release", known=SCHEMA_NEEDED)


async def is_newer(engine: AsyncEngine) -> bool:
    """Return whether the database is newer than this release, which can run on it nevertheless.

    Migrations only expand within a release, so that rolling back is possible. A database that no longer fits says so
    itself, by the oldest revision whose code may still run on it.

    Raises:
        SchemaOutdated: it is older than needed, or empty.
        SchemaIncompatible: it is too new.
        StorageUnavailable: it cannot be reached.
    """
    version, oldest = await _versions(engine)
    if version < SCHEMA_NEEDED:
        raise SchemaOutdated("The database is older than this release needs: run `aggregator migrate` first.")
    if oldest > SCHEMA_NEEDED:
        raise SchemaIncompatible("The database was changed by a newer release that this one cannot follow: run that.")
    return version > SCHEMA_NEEDED


async def schema_state(engine: AsyncEngine) -> str:
    """Return `ok`, `outdated`, `incompatible` or `read-only`.

    Raises:
        StorageUnavailable
    """
    try:
        await is_newer(engine)
    except SchemaOutdated:
        return "outdated"
    except SchemaIncompatible:
        return "incompatible"
    async with connect(engine) as connection:
        return "read-only" if (await connection.execute(_READ_ONLY)).scalar_one() else "ok"


async def _require_server(engine: AsyncEngine) -> None:
    async with connect(engine) as connection:
        encoding, version = (await connection.execute(_SERVER)).one()
        if version < OLDEST_SERVER:
            raise ServerUnsuitable(f"PostgreSQL {version} is too old: {OLDEST_SERVER} or newer is needed.")
        if encoding != "UTF8":
            raise ServerUnsuitable(
                f"The database's encoding is {encoding}: create one with ENCODING 'UTF8' and TEMPLATE template0."
            )
        if not (await connection.execute(_HAS_REVISIONS)).scalar_one():
            return
        foreign = (await connection.execute(_FOREIGN)).scalar()
    if foreign is not None:
        raise ServerUnsuitable(
            "The database is another application's, because its alembic_version is no migration of this service: "
            "give this service a database of its own in DATABASE_URL."
        )


async def _versions(engine: AsyncEngine) -> tuple[str, str]:
    """Return the database's revision and the oldest revision whose code may run on it; both empty if it is empty."""
    async with connect(engine) as connection:
        if (await connection.execute(_IS_EMPTY)).scalar_one():
            return "", ""
        row = (await connection.execute(_VERSIONS)).one()
    return row.version_num or "", row.oldest_revision or ""


def _upgrade(connection: Connection) -> None:
    # Imported here, so that processes that do not migrate need not pay for it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
