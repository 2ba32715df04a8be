"""Waiting for a server that may be silent."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


async def bounded(seconds: float, call: Coroutine[Any, Any, Result]) -> Result:
    """Return the result of a call.

    A call that takes longer is cancelled and not waited for: it may be closing a connection to a silent server.

    Raises:
        TimeoutError
    """
    task = asyncio.ensure_future(call)
    try:
        done, _ = await asyncio.wait([task], timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_forget)
    if not done:
        raise TimeoutError
    return task.result()


def _forget(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled():
        task.exception()
