"""Each migration on a filled database, down and up again: rows survive, and the layout is as before.

A downgrade drops the tables and columns that its upgrade adds. All else that is lost is named here, and so is what an
upgrade fills anew from other rows. Migrations to come are tried as well.
"""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres import schema
from adapters.postgres.connection import DatabaseLimits, create_engine
from application.synchronisation.batch_report import Outcome
from e2e.faults.in_process_worker import InProcessWorker
from e2e.upgrades.described_database import Row, columns, in_order, layout, rows
from entrypoints.operations.migration import run_migrations

LOST: Mapping[tuple[str, str], Callable[[Row], bool]] = {
    # Before that revision a price was always known.
    ("0007", "public.offer_interval"): lambda row: row["price"] is None,
    ("0010", "public.history_dropped"): lambda row: row["history"] == "offer_bucket_1h",
    ("0012", "public.history_dropped"): lambda row: row["history"] == "events counted from",
    ("0013", "public.history_dropped"): lambda row: row["history"] == "deliveries counted from",
}
"""Rows that a downgrade deletes from a table that remains."""
FILLED_ANEW: Mapping[tuple[str, str], Collection[str]] = {
    ("0003", "public.product"): {"words"},
    ("0003", "public.listed_price"): {"product_id", "best_price"},
}
"""Columns that an upgrade computes from other rows, the same as they were."""
FIRST = "0001"
"""Its downgrade leaves nothing, see tests/adapters/postgres/test_schema.py."""
VERSIONS = "public.alembic_version"
_WITHOUT_INSIGHT = """
    SELECT id FROM product WHERE withdrawn_at IS NULL AND NOT EXISTS (SELECT FROM insight WHERE product_id = id)
"""


async def test_every_migration_goes_down_and_up_again_on_a_filled_database(filled: InProcessWorker) -> None:
    empty = {table for table, found in rows(filled.dsn).items() if not found}
    assert {table for table in empty if table.startswith("public.")} == set(), "tables that `fill` should fill, too"
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
    engine = create_engine(filled.dsn, DatabaseLimits(connections=1, statement=60))
    try:
        for migration in ScriptDirectory.from_config(config).walk_revisions():
            if migration.revision != FIRST:
                assert isinstance(migration.down_revision, str)
                await _try(engine, config, filled.dsn, migration.revision, migration.down_revision)
    finally:
        await engine.dispose()
    await run_migrations(filled.container)
    assert filled.query(_WITHOUT_INSIGHT) == []
    filled.make_due()
    assert (await filled.refresh()).outcomes[Outcome.OBSERVED] == 2


async def _try(engine: AsyncEngine, config: Config, dsn: str, revision: str, below: str) -> None:
    """Take the database from the revision to the one below, up again, and down."""
    before, before_columns, before_layout = rows(dsn), columns(dsn), layout(dsn)
    await _run(engine, config, command.downgrade, below)
    remaining = columns(dsn)
    assert rows(dsn) == {
        table: _cut(found, remaining[table], LOST.get((revision, table)))
        for table, found in before.items()
        if table in remaining
    } | {VERSIONS: [{"version_num": below}]}, f"what the downgrade from {revision} leaves"

    await _run(engine, config, command.upgrade, revision)
    assert layout(dsn) == before_layout, f"the layout after {revision} went down and up"
    again = rows(dsn)
    for table in before_columns:
        kept = remaining.get(table, set()).union(FILLED_ANEW.get((revision, table), ()))
        if kept:
            expected = _cut(before[table], kept, LOST.get((revision, table)))
            assert _cut(again[table], kept) == expected, f"{table} after {revision} went down and up"
    await _run(engine, config, command.downgrade, below)


def _cut(found: list[Row], to: Collection[str], lost: Callable[[Row], bool] | None = None) -> list[Row]:
    """Return these columns of the rows that are not lost, in an order of their own."""
    return in_order({name: row[name] for name in to} for row in found if lost is None or not lost(row))


async def _run(engine: AsyncEngine, config: Config, go: Callable[[Config, str], None], to: str) -> None:
    def run(connection: Connection) -> None:
        config.attributes["connection"] = connection
        go(config, to)

    async with engine.connect() as connection:
        await connection.run_sync(run)
