"""Reads of single rows for many callers at once: under load, a statement serves all who have come meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, TypeAlias, TypeVar
from uuid import UUID

AT_ONCE = 2
"""Statements under way; the more there are, the fewer callers share one."""
LARGEST_GROUP = 64

Found = TypeVar("Found")
Caller: TypeAlias = tuple[UUID, asyncio.Future[Any]]


class GroupedReads(Generic[Found]):
    """Finds what belongs to an id. Nobody gets what was read before he asked, and an idle reader waits for nobody."""

    def __init__(self, read: Callable[[Sequence[UUID]], Awaitable[Mapping[UUID, Found]]]) -> None:
        self._read = read
        self._waiting: list[Caller] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._begins_soon = False

    async def __call__(self, id: UUID) -> Found | None:
        """Return what belongs to the id, None if there is nothing; raises what `read` does."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Found | None] = loop.create_future()
        self._waiting.append((id, found))
        if not self._begins_soon and len(self._under_way) < AT_ONCE:
            # Not at once: whoever has come at the same time is still on his way here.
            self._begins_soon = True
            loop.call_soon(self._begin)
        return await found

    def _begin(self) -> None:
        self._begins_soon = False
        while self._waiting and len(self._under_way) < AT_ONCE:
            group, self._waiting = self._waiting[:LARGEST_GROUP], self._waiting[LARGEST_GROUP:]
            task = asyncio.get_running_loop().create_task(self._serve(group))
            self._under_way.add(task)
            task.add_done_callback(self._end)

    def _end(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._begin()

    async def _serve(self, group: list[Caller]) -> None:
        callers = [(id, future) for id, future in group if not future.done()]
        if not callers:
            return
        try:
            found = await self._read(list({id for id, _ in callers}))
        except BaseException as error:
            for _, future in callers:
                if not future.done():
                    future.set_exception(error) if isinstance(error, Exception) else future.cancel()
            if not isinstance(error, Exception):
                raise
        else:
            for id, future in callers:
                if not future.done():
                    future.set_result(found.get(id))
