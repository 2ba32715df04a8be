"""The database's version: bringing it to this release's, and refusing to run on an older one."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import connect
from adapters.postgres.row_keeper import SqlAlchemyRowKeeper

SCHEMA_NEEDED = "0001"
"""The newest migration that this release relies on; revisions are numbered, so they compare as text."""

_MIGRATIONS = Path(__file__).with_name("migrations")
# The lock is the session's: it outlives the transactions of the migrations, and ends with a killed process.
_WAIT_LONG = text("SET LOCAL lock_timeout = 0")
_LOCK = text("SELECT pg_advisory_lock(hashtext('product-aggregator migrate'))")
_UNLOCK = text("SELECT pg_advisory_unlock(hashtext('product-aggregator migrate'))")


class SchemaOutdated(Exception):
    """The database has not been migrated to what this release needs."""


async def migrate(
    engine: AsyncEngine, keeper: SqlAlchemyRowKeeper, make_queue_tables: Callable[[], Awaitable[None]]
) -> None:
    """Bring the database to this release's version; several processes may try at once, one does it.

    Raises:
        StorageUnavailable: the database cannot be reached.
    """
    async with connect(engine) as guard:
        await guard.execute(_WAIT_LONG)
        await guard.execute(_LOCK)
        await guard.commit()
        try:
            async with engine.connect() as connection:
                await connection.run_sync(_upgrade)
            await make_queue_tables()
            await keeper.prepare_history()
        finally:
            await guard.execute(_UNLOCK)


async def require_schema(engine: AsyncEngine) -> None:
    """Check that the database is recent enough; a newer one is accepted, as migrations only expand.

    Raises:
        SchemaOutdated: it is older than needed, or empty.
        StorageUnavailable: the database cannot be reached.
    """
    async with connect(engine) as connection:
        exists = (await connection.execute(text("SELECT to_regclass('alembic_version') IS NOT NULL"))).scalar_one()
        version = "" if not exists else (await connection.execute(text("TABLE alembic_version"))).scalar() or ""
    if version < SCHEMA_NEEDED:
        raise SchemaOutdated("The database is older than this release needs: run `aggregator migrate` first.")


def _upgrade(connection: Connection) -> None:
    # Alembic is of no use to the processes that only serve, so they do not pay for its import.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
