"""Scarce places that callers share fairly: none can keep the others from theirs, however often it asks."""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from application.bounded_queue import QueueFull

_Turn = asyncio.Future[None]


class FairQueue:
    """`at_once` places, of which one caller has up to `each`; up to `waiting` requests wait `patience` seconds for one.

    Free places go to the callers in turns, and to the requests of one caller in the order of arrival. When all waiting
    room is taken, a caller with fewer requests in it takes the place of the newest request of the caller with the most.
    """

    def __init__(self, *, at_once: int, each: int, waiting: int = 0, patience: float | None = None) -> None:
        self._free = at_once
        self._each = each
        self._room = waiting
        self._patience = patience
        self._held: Counter[str] = Counter()
        # In the order of their turns.
        self._waiting: OrderedDict[str, deque[_Turn]] = OrderedDict()

    @property
    def present(self) -> int:
        """The number of requests that hold a place or wait for one."""
        return self._held.total() + sum(len(turns) for turns in self._waiting.values())

    @asynccontextmanager
    async def place(self, caller: str) -> AsyncIterator[None]:
        """Hold a place for as long as the block runs.

        Raises:
            QueueFull
        """
        await self.enter(caller)
        try:
            yield
        finally:
            self.leave(caller)

    async def enter(self, caller: str) -> None:
        """Take a place, waiting for it if need be.

        Raises:
            QueueFull: too many wait already, or the wait has been too long.
        """
        if self._free and self._held[caller] < self._each:
            self._free -= 1
            self._held[caller] += 1
            return
        turn = self._wait(caller)
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as error:
            if not turn.cancelled() and turn.done() and turn.exception() is None:
                self.leave(caller)
            self._give_up(caller, turn)
            if isinstance(error, TimeoutError):
                raise QueueFull from error
            raise

    def leave(self, caller: str) -> None:
        """Give the place back."""
        self._free += 1
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        self._give()

    def _wait(self, caller: str) -> _Turn:
        if not self._room:
            self._make_room(caller)
        self._room -= 1
        turn: _Turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(turn)
        return turn

    def _make_room(self, caller: str) -> None:
        most = max(self._waiting, key=lambda each: len(self._waiting[each]), default=caller)
        if len(self._waiting.get(most, ())) <= len(self._waiting.get(caller, ())) + 1:
            raise QueueFull
        newest = self._waiting[most][-1]
        self._give_up(most, newest)
        # A cancelled one leaves the room by itself, in the next turn of the event loop.
        if not newest.done():
            newest.set_exception(QueueFull())

    def _give_up(self, caller: str, turn: _Turn) -> None:
        turns = self._waiting.get(caller)
        if turns and turn in turns:
            turns.remove(turn)
            self._room += 1
            if not turns:
                del self._waiting[caller]

    def _give(self) -> None:
        """Give free places to those whose turn it is."""
        for caller in list(self._waiting):
            if not self._free:
                return
            # One whose request was cancelled has not left the room yet.
            turn = next((turn for turn in self._waiting[caller] if not turn.cancelled()), None)
            if turn is not None and self._held[caller] < self._each:
                self._give_up(caller, turn)
                if caller in self._waiting:
                    self._waiting.move_to_end(caller)
                self._free -= 1
                self._held[caller] += 1
                turn.set_result(None)
