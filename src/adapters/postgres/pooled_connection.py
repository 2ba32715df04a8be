"""A connection through a pooler of transactions, as PgBouncer's `pool_mode = transaction`.

Each transaction may run in another session of the server, so nothing may outlive one: neither a setting nor a prepared
statement. https://www.pgbouncer.org/features.html lists what is lost.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import asyncpg
from sqlalchemy.util import LRUCache

STATEMENTS = 100
"""Statements whose parameters and columns a connection remembers, so that asking costs no round trip each time."""


class PooledConnection(asyncpg.Connection):
    """Sets the limits in every transaction. Open it with `statement_cache_size=0`, and call `limit` first.

    The driver then names no statement, and parses one again in the message that executes it.
    """

    def limit(self, settings: Mapping[str, str], seconds: float) -> None:
        """Take the settings of each transaction, and the time for a statement by `fetch`."""
        self._set = "".join(f"SET LOCAL {name} = '{value}';" for name, value in settings.items())
        self._seconds = seconds
        self._described: LRUCache[str, Any] = LRUCache(STATEMENTS)

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109 - the driver's own signature
        """Execute statements; the one by which the driver begins a transaction sets the limits in the same message."""
        if query.startswith("BEGIN"):
            query = f"{query}{self._set}"
        return await super().execute(query, *args, timeout=timeout)

    async def fetch(self, query: str, *args: Any) -> "list[asyncpg.Record]":  # type: ignore[override] # no options
        """Execute one statement in a transaction of its own.

        Raises:
            TimeoutError: the answers of the server took too long together.
        """
        async with asyncio.timeout(self._seconds):
            transaction = self.transaction()
            await transaction.start()
            try:
                if query not in self._described:
                    self._described[query] = await self.prepare(query)
                rows: list[asyncpg.Record] = await self._described[query].fetch(*args)
            except asyncpg.PostgresError:
                await transaction.rollback()
                raise
            await transaction.commit()
        return rows
