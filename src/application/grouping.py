"""One piece of work for many callers: under load, each serves all who have come while the one before was under way."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

AT_ONCE = 2
"""Groups under way; the more there are, the fewer callers share one."""
LARGEST_GROUP = 16
"""A larger one would save little more for each, and nothing would be done meanwhile for those behind it."""

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Grouped(Generic[Asked, Answer]):
    """Answers callers in groups. No group begins before its last caller has asked, and who comes alone never waits."""

    def __init__(
        self, serve: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]], largest: int = LARGEST_GROUP
    ) -> None:
        """`serve` gives the answers in the order of what is asked, by no more than `largest` callers."""
        self._serve = serve
        self._largest = largest
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._begins_soon = False
        self._seen = 0

    async def __call__(self, asked: Asked) -> Answer:
        """Return the answer; raises what `serve` does."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        self._begin_soon()
        return await answer

    def _begin_soon(self) -> None:
        if self._waiting and not self._begins_soon and len(self._under_way) < AT_ONCE:
            self._begins_soon = True
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        self._begins_soon = False
        if self._seen < len(self._waiting) < self._largest:
            # Not before a turn of the loop brings nobody: whoever comes at the same time may still be on his way here.
            self._seen = len(self._waiting)
            self._begin_soon()
            return
        self._seen = 0
        while self._waiting and len(self._under_way) < AT_ONCE:
            group, self._waiting = self._waiting[: self._largest], self._waiting[self._largest :]
            task = asyncio.get_running_loop().create_task(self._answer(group))
            self._under_way.add(task)
            task.add_done_callback(self._end)

    def _end(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._begin_soon()

    async def _answer(self, group: list[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        callers = [(asked, future) for asked, future in group if not future.done()]
        if not callers:
            return
        try:
            answers = await self._serve([asked for asked, _ in callers])
        except BaseException as error:
            for _, future in callers:
                if not future.done():
                    future.set_exception(error) if isinstance(error, Exception) else future.cancel()
            if not isinstance(error, Exception):
                raise
        else:
            for (_, future), answer in zip(callers, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
