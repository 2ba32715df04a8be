"""Reads of single products: requests that arrive together share one statement, for a fraction of the cost of one each.

A request never gets an answer that was read before it arrived, and one that arrives alone does not wait.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context
from math import ceil
from typing import Generic, TypeVar
from uuid import UUID

from domain.errors import ProductNotFound

STATEMENTS_AT_ONCE = 2
"""More statements side by side would each serve fewer requests."""
ENOUGH = 16
"""Beyond so many a larger statement saves little more for each."""
MOST = 64

Found = TypeVar("Found")


class SharedReads(Generic[Found]):
    """One kind of read; `read` returns what it finds by the products' ids."""

    def __init__(self, read: Callable[[Sequence[UUID]], Awaitable[Mapping[UUID, Found]]]) -> None:
        self._read = read
        self._waiting: list[tuple[UUID, asyncio.Future[Found]]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._seen = 0

    async def __call__(self, product_id: UUID) -> Found:
        """Return what is found of the product; raises what `read` raises.

        Raises:
            ProductNotFound
        """
        answer: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._waiting.append((product_id, answer))
        if len(self._waiting) == 1:
            self._start_soon()
        return await answer

    def _start_soon(self) -> None:
        if self._waiting and len(self._running) < STATEMENTS_AT_ONCE:
            # In an empty context: the statement serves many requests, so its log lines must carry the id of none.
            asyncio.get_running_loop().call_soon(self._start, context=Context())

    def _start(self) -> None:
        if self._seen < len(self._waiting) < ENOUGH:
            # The turn of the event loop has brought another request; the next turn may bring more of them.
            self._seen = len(self._waiting)
            self._start_soon()
            return
        self._seen = 0
        while self._waiting and (free := STATEMENTS_AT_ONCE - len(self._running)) > 0:
            size = min(MOST, max(ENOUGH, ceil(len(self._waiting) / free)))
            group, self._waiting = self._waiting[:size], self._waiting[size:]
            task = asyncio.get_running_loop().create_task(self._answer(group))
            self._running.add(task)
            task.add_done_callback(self._end)

    def _end(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        self._start_soon()

    async def _answer(self, group: Sequence[tuple[UUID, "asyncio.Future[Found]"]]) -> None:
        wanted = [(id, answer) for id, answer in group if not answer.done()]
        found: Mapping[UUID, Found] = {}
        failure: Exception | None = None
        try:
            found = await self._read(list({id for id, _ in wanted}))
        except Exception as error:  # noqa: BLE001 - every request of the group raises it
            failure = error
        for id, answer in wanted:
            if answer.done():
                continue
            if id in found:
                answer.set_result(found[id])
            else:
                answer.set_exception(failure or ProductNotFound(id))
