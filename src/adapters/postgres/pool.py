"""The pool of connections, which are lent in the order of asking, and only while they can be trusted."""

import time
from typing import Any, cast
from weakref import WeakSet

from sqlalchemy import AsyncAdaptedQueuePool
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine

from application.bounded_queue import BoundedQueue

_OPENED = "opened"
_RESERVED = "reserved"


class FairPool(AsyncAdaptedQueuePool):
    """A pool with a queue before it: SQLAlchemy's own order depends on chance, so that some callers wait for ever.

    `reserved` of its connections have a queue of their own, see `with_reserved`.
    """

    # Positional parameters, because create_engine looks at no others.
    def __init__(
        self, creator: Any, waiting: int = 0, patience: float | None = None, reserved: int = 0, **options: Any
    ) -> None:
        super().__init__(creator, **options)
        self.queue = BoundedQueue(at_once=self.size() - reserved, waiting=waiting, patience=patience)
        self.reserved_queue = BoundedQueue(at_once=reserved, waiting=waiting, patience=patience)
        self._distrusted = self._renewed_before = 0.0
        self._read_only = False
        self._opened: WeakSet[Any] = WeakSet()

    def note_opening(self, connection: Any, record: Any) -> None:
        """Note when a connection was opened."""
        record.info[_OPENED] = time.monotonic()
        self._opened.add(connection.driver_connection)

    def refuse_lost(self, connection: Any, record: Any) -> None:
        """Let a new connection be opened in place of one that has ended while it lay here, or is not trusted."""
        driver, opened = connection.driver_connection, record.info[_OPENED]
        if opened < self._renewed_before:
            self._renewed_before = 0.0
            driver.terminate()
        elif opened < self._distrusted:
            driver.terminate()
        if driver.is_closed():
            raise DisconnectionError

    def distrust(self) -> None:
        """Replace all connections that are open now before they are lent again.

        After the server has stopped answering one, the servers of the others may be gone unnoticed, and each would cost
        its borrower as long as that one did.
        """
        self._distrusted = time.monotonic()

    def renew_next(self) -> None:
        """Replace the next connection that is open now before it is lent: a new one may find a new primary."""
        self._renewed_before = time.monotonic()

    def note_read_only(self, *, read_only: bool) -> None:
        """Note whether the server took us for reading only; replace the connections from before when that ends.

        A session stays as it began, so each of them would refuse a write first.
        """
        if self._read_only and not read_only:
            self.distrust()
        self._read_only = read_only

    def hang_up(self) -> None:
        """Cut all connections, without a message to the server."""
        for driver in list(self._opened):
            driver.terminate()

    def recreate(self) -> "FairPool":
        """Return an empty pool with the same queues: SQLAlchemy replaces the pool when an engine is disposed of."""
        pool = cast("FairPool", super().recreate())
        pool.queue, pool.reserved_queue = self.queue, self.reserved_queue
        return pool


def pool_of(engine: AsyncEngine) -> FairPool:
    """Return the engine's pool."""
    pool = engine.pool
    if not isinstance(pool, FairPool):
        raise TypeError("the engine was not made by create_engine")
    return pool


def queue_of(engine: AsyncEngine) -> BoundedQueue:
    """Return the queue for the engine's connections."""
    pool = pool_of(engine)
    return pool.reserved_queue if engine.sync_engine.get_execution_options().get(_RESERVED) else pool.queue


def with_reserved(engine: AsyncEngine) -> AsyncEngine:
    """Return the engine with its reserved connections, which other users of the pool cannot take."""
    return engine.execution_options(**{_RESERVED: True})
