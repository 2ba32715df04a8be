"""A diagnosis that many readers share: one runs at a time, and its findings are kept for some seconds."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, field

from application.diagnosis.finding import Finding


@dataclass(slots=True)
class SharedDiagnosis:
    """Diagnose at most once at a time, and share the findings for `kept` seconds; `now` is a monotonic clock."""

    diagnose: Callable[[], Awaitable[Sequence[Finding]]]
    now: Callable[[], float]
    kept: float
    _running: asyncio.Task[Sequence[Finding]] | None = field(default=None, init=False)
    _until: float = field(default=0.0, init=False)

    async def __call__(self) -> Sequence[Finding]:
        """Return the findings of the diagnosis under way, of the last one, or of a new one."""
        if self._running is None or (self._running.done() and self.now() >= self._until):
            self._running = asyncio.get_running_loop().create_task(self._diagnose(), context=Context())
        # A reader who leaves must not end the diagnosis of the others.
        return await asyncio.shield(self._running)

    async def _diagnose(self) -> Sequence[Finding]:
        # A diagnosis that fails is not kept.
        self._until = 0.0
        found = await self.diagnose()
        self._until = self.now() + self.kept
        return found
