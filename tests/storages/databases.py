"""Databases for tests: migrated, and emptied of rows.

Apart from conftest.py, which sets Hypothesis' profile again whenever somebody imports it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.job_queue import create_queue_tables
from adapters.postgres.connection import DatabaseLimits, create_engine
from adapters.postgres.prices.rollup import SqlAlchemyHistoryUpkeep
from adapters.postgres.schema import migrate
from domain.prices.retention import Retention
from waiting import PATIENCE

TABLES = (
    "synchronisation",
    "product",
    "insight",
    "offer",
    "offer_interval",
    "best_price_step",
    "login_failure",
    "idempotency_key",
    "api_key",
    "event",
    "alert",
    "alert_product",
    "alert_state",
    "alert_transition",
    "webhook",
    "webhook_waiting",
    "webhook_delivery",
)
BUCKETS = ("best_price_bucket_5m", "best_price_bucket_1h", "best_price_bucket_1d", "offer_bucket_1h")
# DELETE, because TRUNCATE makes new files for every partition and index. Audit records go without triggers, of which
# one refuses this.
_WITHOUT_ROWS = f"""
    BEGIN;
    {"".join(f"DELETE FROM {table};" for table in TABLES + BUCKETS)}
    UPDATE event_log SET generation = 1, cluster = NULL,
        dropped_generation = 0, dropped_transaction = 0, dropped_number = 0;
    SET LOCAL session_replication_role = replica;
    DELETE FROM audit_record;
    COMMIT
"""


AMPLE = DatabaseLimits(
    statement=PATIENCE,
    lock=PATIENCE,
    idle_in_transaction=2 * PATIENCE,
    connect=PATIENCE,
    pool_wait=PATIENCE,
    answer_margin=PATIENCE,
)
"""Limits that strike on no machine; a test replaces the one that it is about."""


def system_clock() -> datetime:
    """Return the time of this machine, as the container's clock does."""
    return datetime.now(UTC)


class NewDatabase(Protocol):
    async def __call__(self, options: str = "") -> str: ...


@asynccontextmanager
async def migrated(dsn: str) -> AsyncIterator[AsyncEngine]:
    # On a busy machine a transaction may lie idle for longer than in operation.
    limits = DatabaseLimits(
        connections=10, statement=PATIENCE, idle_in_transaction=PATIENCE, connect=PATIENCE, pool_wait=PATIENCE
    )
    engine = create_engine(dsn, limits)
    await migrate(engine, SqlAlchemyHistoryUpkeep(engine, Retention()), partial(create_queue_tables, dsn))
    yield engine
    await engine.dispose()


async def remove_rows(engine: AsyncEngine) -> None:
    # By the driver, which sends all statements at once.
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.execute(_WITHOUT_ROWS)
