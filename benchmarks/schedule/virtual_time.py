"""An event loop whose clock jumps to the next timer, so that an hour passes in as long as its work takes."""

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop for code that waits for timers alone; its time begins at 0."""

    def __init__(self) -> None:
        self._passed = 0.0
        super().__init__(_Jump(self))

    def time(self) -> float:
        """Return the virtual seconds that have passed."""
        return self._passed

    def jump(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += seconds


class _Jump(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout:
            self._loop.jump(timeout)
        found: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        return found

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        found: Mapping[Any, selectors.SelectorKey] = super().get_map()
        return found
