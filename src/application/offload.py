"""Long pure work, done so that nobody else in the event loop has to wait for the whole of it."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

Made = TypeVar("Made")

AT_ONCE = 500
"""Items that are made in the loop itself: with some 10 µs for each, others wait for a few milliseconds."""


async def aside(make: Callable[[], Made], items: int) -> Made:
    """Make something of that many items: of many in a thread, which the loop takes turns with."""
    return make() if items <= AT_ONCE else await asyncio.to_thread(make)
