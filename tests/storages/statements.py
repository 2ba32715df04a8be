"""The statements that SQLAlchemy executes, and those that are asked again until a busy server answers."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from application.storage import StorageUnavailable
from waiting import PATIENCE

Result = TypeVar("Result")


@contextmanager
def executed_statements(engine: AsyncEngine) -> Iterator[list[tuple[str, Any]]]:
    """Note the statements, with their parameters, while the block runs."""
    executed: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        executed.append((sql, parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield executed
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)


async def answered(ask: Callable[[], Awaitable[Result]]) -> Result:
    """Ask until there is an answer: one on a busy machine may take longer than an engine's short limit.

    Raises:
        TimeoutError: there was none within the time.
    """
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(StorageUnavailable):
                return await ask()
            await asyncio.sleep(0)
