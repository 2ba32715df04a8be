"""The pool of connections, which are lent in the order of asking."""

from typing import Any, cast

from sqlalchemy import AsyncAdaptedQueuePool
from sqlalchemy.ext.asyncio import AsyncEngine

from application.bounded_queue import BoundedQueue


class FairPool(AsyncAdaptedQueuePool):
    """A pool with a queue before it: SQLAlchemy's own order depends on chance, so that some callers wait for ever."""

    # Positional parameters, because create_engine looks at no others.
    def __init__(self, creator: Any, waiting: int = 0, patience: float | None = None, **options: Any) -> None:
        super().__init__(creator, **options)
        self.queue = BoundedQueue(at_once=self.size(), waiting=waiting, patience=patience)

    def recreate(self) -> "FairPool":
        """Return an empty pool with the same queue: SQLAlchemy replaces the pool when an engine is disposed of."""
        pool = cast("FairPool", super().recreate())
        pool.queue = self.queue
        return pool


def queue_of(engine: AsyncEngine) -> BoundedQueue:
    """Return the queue for the engine's connections."""
    pool = engine.pool
    if not isinstance(pool, FairPool):
        raise TypeError("the engine was not made by create_engine")
    return pool.queue
