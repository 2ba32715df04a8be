"""The pool of connections, which are lent in the order of asking."""

import asyncio
from typing import Any

from sqlalchemy import AsyncAdaptedQueuePool
from sqlalchemy.ext.asyncio import AsyncEngine

POOL_WAIT_SECONDS = 1.0


class FairPool(AsyncAdaptedQueuePool):
    """A pool that says whose turn it is: SQLAlchemy's own serves whoever comes at the right moment, others never."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._turns = asyncio.Semaphore(self.size())

    async def await_turn(self) -> None:
        """Wait until there is a connection.

        Raises:
            TimeoutError: for too long.
        """
        if self._turns.locked():
            async with asyncio.timeout(POOL_WAIT_SECONDS):
                await self._turns.acquire()
        else:
            await self._turns.acquire()

    def end_turn(self) -> None:
        """Let the next one have the connection."""
        self._turns.release()


def fair_pool(engine: AsyncEngine) -> FairPool:
    """Return the engine's pool."""
    pool = engine.pool
    if not isinstance(pool, FairPool):
        raise TypeError("the engine was not made by create_engine")
    return pool
