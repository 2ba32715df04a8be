"""Waiting for a condition, with a deadline and without a fixed sleep."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import pytest

PATIENCE = 60.0
"""Seconds that a busy machine may take for what an idle one does at once. Nothing waits for their end but a failure."""


async def let_others_run() -> None:
    """Let others run until they wait for something that takes time."""
    for _ in range(50):
        await asyncio.sleep(0)


async def until(condition: Callable[[], object], *, seconds: float = PATIENCE) -> None:
    """Let others run until the condition holds.

    Raises:
        TimeoutError: it did not within the time.
    """
    async with asyncio.timeout(seconds):
        for turn in count():
            if condition():
                return
            await asyncio.sleep(0 if turn < 100 else 0.001)


def let_time_pass(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Move the loop's clock on, until the test ends: limits that are under way strike, and no machine is too slow."""
    loop = asyncio.get_running_loop()
    clock = loop.time
    monkeypatch.setattr(loop, "time", lambda: clock() + seconds)


@contextmanager
def blocked_threads() -> Iterator[None]:
    """Keep all threads of the loop's pool busy, so that no password is checked meanwhile."""
    over = threading.Event()
    for _ in range(64):
        asyncio.get_running_loop().run_in_executor(None, over.wait)
    try:
        yield
    finally:
        over.set()
