"""The plan of a claim, as the worker's own repository sends it."""

import asyncio
from datetime import timedelta
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import DatabaseLimits, create_engine
from adapters.postgres.unit_of_work import BeginSqlAlchemyWork
from application.synchronisation.timing import Timing
from benchmarks.refresh.system import System
from domain.prices.retention import Retention

_TIMING = Timing()


def explain_claim(system: System, interval: float) -> str:
    """Return the plan and the times of a claim of one batch, which is rolled back."""
    return asyncio.run(_explain(system.environment["DATABASE_URL"], timedelta(seconds=interval)))


async def _explain(dsn: str, interval: timedelta) -> str:
    engine = create_engine(dsn, DatabaseLimits(connections=1, statement=60))
    try:
        statement, parameters = await _claim(engine, interval)
        async with engine.connect() as connection:
            plan = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {statement}", parameters)
            lines = [line.strip(" ->") for line in plan.scalars()]
            # What it reads of the table and of its indexes, and what all of it takes.
            return "\n".join(
                line for line in lines if line.startswith(("Index Scan", "Seq Scan", "Bitmap", "Update", "Exec"))
            )
    finally:
        await engine.dispose()


async def _claim(engine: AsyncEngine, interval: timedelta) -> tuple[str, Any]:
    """Return the statement of a claim and its parameters."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        sent.append((statement, parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    async with BeginSqlAlchemyWork(engine, Retention())() as work:
        await work.synchronisations.claim_observations(interval, _TIMING.lease, _TIMING.batch_size)
    event.remove(engine.sync_engine, "before_cursor_execute", note)
    return sent[-1]
