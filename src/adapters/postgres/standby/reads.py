"""Reads of the standby while it may be read, and of the primary otherwise, or if the standby fails.

After every failure the primary is read. That includes a product that is not found, because it may be new.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from copy import copy
from typing import ParamSpec, TypeVar

from adapters.postgres.standby.bounded import bounded
from adapters.postgres.standby.watch import ReadPermit, StandbyLimits, StandbyWatch
from application.newest_reads import REQUEST_READS

Port = TypeVar("Port")
Item = TypeVar("Item")
Found = TypeVar("Found")
Asked = ParamSpec("Asked")


class StandbyReads:
    """Lets the reads of ports be answered by the standby. `count` is called with the source of each answer."""

    def __init__(self, watch: StandbyWatch, limits: StandbyLimits, count: Callable[[str], None]) -> None:
        self._watch = watch
        self._limits = limits
        self._count = count

    def of(self, primary: Port, standby: Port, *methods: str) -> Port:
        """Return the primary's adapter of a port, with these methods answered by the standby's adapter if possible."""
        routed = copy(primary)
        for method in methods:
            setattr(routed, method, self.read(getattr(standby, method), getattr(primary, method)))
        return routed

    def read(
        self,
        standby: Callable[Asked, Awaitable[Found]],
        primary: Callable[Asked, Awaitable[Found]],
    ) -> Callable[Asked, Awaitable[Found]]:
        """Return a read of the standby, or of the primary if the standby may not be read or fails."""

        async def read(*asked: Asked.args, **named: Asked.kwargs) -> Found:
            if (permit := self._permit()) is not None:

                async def ask() -> Found:
                    return await standby(*asked, **named)

                try:
                    found = await bounded(self._limits.read, ask())
                    if self._holds(permit):
                        return found
                except Exception as error:  # noqa: BLE001 - after any error the primary answers
                    self._fail(error)
            self._newest()
            return await primary(*asked, **named)

        return read

    def stream(
        self,
        standby: Callable[Asked, AsyncGenerator[Item, None]],
        primary: Callable[Asked, AsyncGenerator[Item, None]],
    ) -> Callable[Asked, AsyncGenerator[Item, None]]:
        """Return such a read in batches. All batches come from the server that gives the first one."""

        async def stream(*asked: Asked.args, **named: Asked.kwargs) -> AsyncGenerator[Item, None]:
            if (permit := self._permit()) is not None:
                batches = standby(*asked, **named)
                begun, first = await self._first(batches, permit)
                if begun:
                    async with aclosing(batches):
                        if first is not None:
                            yield first
                        async for batch in batches:
                            yield batch
                    return
            self._newest()
            async with aclosing(primary(*asked, **named)) as newest:
                async for batch in newest:
                    yield batch

        return stream

    async def _first(self, batches: AsyncGenerator[Item, None], permit: ReadPermit) -> tuple[bool, Item | None]:
        """Return whether the standby gives the batches, and its first batch, which is None if there are no batches."""

        async def ask() -> Item | None:
            return await anext(batches, None)

        try:
            first = await bounded(self._limits.first_batch, ask())
        except Exception as error:  # noqa: BLE001 - after any error the primary answers
            # That has ended the generator, or will: it cannot be closed while it runs.
            self._fail(error)
            return False, None
        if self._holds(permit):
            return True, first
        await batches.aclose()
        return False, None

    def _permit(self) -> ReadPermit | None:
        reads = REQUEST_READS.get()
        return None if reads is not None and reads.newest else self._watch.permit()

    def _holds(self, permit: ReadPermit) -> bool:
        if not self._watch.holds(permit):
            self._count("standby_too_late")
            return False
        self._count("standby")
        return True

    def _fail(self, error: Exception) -> None:
        self._count("standby_failed")
        self._watch.note_failure(error)

    def _newest(self) -> None:
        self._count("primary")
        if (reads := REQUEST_READS.get()) is not None:
            reads.newest = True
