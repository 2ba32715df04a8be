"""One piece of work for many callers: under load, each serves all who have come while the one before was under way."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from math import ceil
from typing import Generic, NamedTuple, TypeVar

from application.unit_of_work import StorageUnavailable

AT_ONCE = 2
"""Groups under way; the more there are, the fewer callers share one."""
ENOUGH = 16
"""So many do not wait for more: a larger group saves little more for each."""
LARGEST_GROUP = 64
TURN_SECONDS = 2.0
"""For how long a caller waits for a group to begin: longer than those before wait for what others hold."""

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class _Caller(NamedTuple, Generic[Asked, Answer]):
    asked: Asked
    answer: "asyncio.Future[Answer]"
    since: float


class Grouped(Generic[Asked, Answer]):
    """Answers callers in groups. No group begins before its last caller has asked, and who comes alone never waits."""

    def __init__(self, serve: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]]) -> None:
        """`serve` gives the answers in the order of what is asked."""
        self._serve = serve
        self._waiting: list[_Caller[Asked, Answer]] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._begins_soon = False
        self._seen = 0
        self._looks_for_impatient_ones = False

    async def __call__(self, asked: Asked) -> Answer:
        """Return the answer; raises what `serve` does.

        Raises:
            StorageUnavailable: those before take too long.
        """
        loop = asyncio.get_running_loop()
        caller: _Caller[Asked, Answer] = _Caller(asked, loop.create_future(), loop.time())
        self._waiting.append(caller)
        self._begin_soon()
        if not self._looks_for_impatient_ones:
            self._look_for_impatient_ones(loop.time() + TURN_SECONDS)
        return await caller.answer

    def _begin_soon(self) -> None:
        if self._waiting and not self._begins_soon and len(self._under_way) < AT_ONCE:
            self._begins_soon = True
            # In no caller's context: what is logged on the way is not about his request.
            asyncio.get_running_loop().call_soon(self._begin, context=Context())

    def _begin(self) -> None:
        self._begins_soon = False
        if self._seen < len(self._waiting) < ENOUGH:
            # Not before a turn of the loop brings nobody: whoever comes at the same time may still be on his way here.
            self._seen = len(self._waiting)
            self._begin_soon()
            return
        self._seen = 0
        while self._waiting and (free := AT_ONCE - len(self._under_way)):
            size = min(LARGEST_GROUP, max(ENOUGH, ceil(len(self._waiting) / free)))
            group, self._waiting = self._waiting[:size], self._waiting[size:]
            task = asyncio.get_running_loop().create_task(self._answer(group))
            self._under_way.add(task)
            task.add_done_callback(self._end)

    def _end(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._begin_soon()

    async def _answer(self, group: Sequence[_Caller[Asked, Answer]]) -> None:
        callers = [caller for caller in group if not caller.answer.done()]
        if not callers:
            return
        try:
            answers = await self._serve([caller.asked for caller in callers])
        except BaseException as error:
            for caller in callers:
                if not caller.answer.done():
                    caller.answer.set_exception(error) if isinstance(error, Exception) else caller.answer.cancel()
            if not isinstance(error, Exception):
                raise
        else:
            for caller, answer in zip(callers, answers, strict=True):
                if not caller.answer.done():
                    caller.answer.set_result(answer)

    def _look_for_impatient_ones(self, at: float) -> None:
        self._looks_for_impatient_ones = True
        asyncio.get_running_loop().call_at(at, self._refuse_impatient_ones, context=Context())

    def _refuse_impatient_ones(self) -> None:
        latest = asyncio.get_running_loop().time() - TURN_SECONDS
        impatient = [caller for caller in self._waiting if caller.since <= latest]
        self._waiting = self._waiting[len(impatient) :]
        for caller in impatient:
            if not caller.answer.done():
                caller.answer.set_exception(StorageUnavailable("those before took too long"))
        self._looks_for_impatient_ones = False
        if self._waiting:
            self._look_for_impatient_ones(self._waiting[0].since + TURN_SECONDS)
