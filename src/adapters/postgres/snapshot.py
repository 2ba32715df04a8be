"""Long reads of one snapshot, batch by batch: memory stays flat however much there is to read.

The snapshot holds up VACUUM, so its reader must make progress, and the caller must bound the whole time.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.driver_query import DriverQuery
from adapters.postgres.errors import translated, unreachable_translated
from adapters.postgres.pool import pool_of, queue_of

# For this transaction alone.
_SET_LIMITS = """
    SELECT set_config('statement_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true)
"""


@dataclass(frozen=True, slots=True)
class SnapshotLimits:
    """Limits of one long read. Durations are in seconds."""

    rows: int = 500
    """Rows of a batch."""
    statement: float = 5.0
    """One batch, on the server; the first one may have to sort all that match."""
    answer_margin: float = 1.0
    """An answer may come this much later than the statement's limit: a server that is gone ends no statement."""
    idle: float = 40.0
    """Between two batches, after which the server ends the transaction even if our process is stuck."""
    end: float = 1.0
    """Ending the transaction, or a statement that is not wanted any more; then the connection is closed."""


async def read_snapshot(
    engine: AsyncEngine, limits: SnapshotLimits, query: DriverQuery, values: Sequence[Any]
) -> AsyncGenerator[Sequence["asyncpg.Record"], None]:
    """Give the rows of a statement in batches; closing the generator ends the statement.

    The driver executes it: a server-side cursor, and no object of SQLAlchemy's for each row.

    Raises:
        StorageUnavailable: at any batch.
    """
    queue = queue_of(engine)
    with unreachable_translated():
        await queue.enter()
    try:
        with unreachable_translated():
            lent = await engine.raw_connection()
        driver = cast("Any", lent.driver_connection)
        transaction = driver.transaction(isolation="repeatable_read", readonly=True)
        try:
            await transaction.start()
            milliseconds = (f"{seconds * 1000:.0f}" for seconds in (limits.statement, limits.idle))
            await driver.execute(_SET_LIMITS, *milliseconds)
            # Not by the connection's own cursor, which names its statement: a pooler's session would keep that.
            cursor = await (await driver.prepare(query.sql)).cursor(*values)
            answer_seconds = limits.statement + limits.answer_margin
            while rows := await cursor.fetch(limits.rows, timeout=answer_seconds):
                yield rows
        except Exception as error:
            if isinstance(error, TimeoutError):
                pool_of(engine).distrust()
            raise translated(error) or error from error
        finally:
            ended = False
            try:
                with suppress(TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    async with asyncio.timeout(limits.end):
                        # The driver first waits until the server has ended the statement under way.
                        await transaction.rollback()
                        ended = True
            finally:
                if not ended:
                    lent.invalidate()
                lent.close()
    finally:
        queue.leave()
