"""The one way to wait for a scarce place: few at once, a bounded number behind them, each for a bounded time."""

import asyncio
from types import TracebackType


class QueueFull(Exception):
    """No place came free: too many wait already, or this caller has waited for as long as it may."""


class BoundedQueue:
    """`at_once` places, given in the order of arrival; up to `waiting` callers wait `patience` seconds for one.

    One `async with` takes one place. The reasons for the numbers stand where they are set, in entrypoints/limits.py.
    """

    def __init__(self, *, at_once: int, waiting: int, patience: float | None = None) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._at_once = at_once
        self._most = self._room = at_once + waiting
        self._patience = patience

    @property
    def present(self) -> int:
        """How many have a place or wait for one."""
        return self._most - self._room

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return max(0, self.present - self._at_once)

    async def enter(self) -> None:
        """Take a place, waiting for it if need be.

        Raises:
            QueueFull
        """
        if self._room <= 0:
            raise QueueFull
        self._room -= 1
        try:
            if self._places.locked():
                async with asyncio.timeout(self._patience):
                    await self._places.acquire()
            else:
                await self._places.acquire()
        except BaseException as error:
            self._room += 1
            if isinstance(error, TimeoutError):
                raise QueueFull from error
            raise

    def leave(self) -> None:
        """Give the place back."""
        self._room += 1
        self._places.release()

    async def __aenter__(self) -> None:
        await self.enter()

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.leave()
