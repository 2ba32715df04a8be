"""Long pure computations, kept from blocking the event loop."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

INLINE_ITEMS = 500
"""Up to this many items are computed in the event loop: at some 10 µs each they block it for a few milliseconds."""


async def offload(compute: Callable[[], Result], items: int) -> Result:
    """Run a computation over that many items: in the loop if they are few, in a thread if they are many."""
    return compute() if items <= INLINE_ITEMS else await asyncio.to_thread(compute)
