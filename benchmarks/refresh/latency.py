"""How long the API lets readers wait, quiet and while all products are refreshed beside it."""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import aiohttp

from benchmarks.refresh.products import product_ids

REQUESTS_PER_SECOND = 50

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Read:
    """One read: when it was due, by the monotonic clock, and the seconds from then until it was answered."""

    due: float
    waited: float


def read_while(url: str, products: int, run: Callable[[], Result]) -> tuple[Result, list[Read]]:
    """Read product after product at a steady rate until `run` returns, and return its result too."""
    ended = threading.Event()
    with ThreadPoolExecutor(1) as thread:
        reading = thread.submit(lambda: asyncio.run(_read_steadily(url, products, ended)))
        try:
            result = run()
        finally:
            ended.set()
        return result, reading.result()


async def _read_steadily(url: str, products: int, ended: threading.Event) -> list[Read]:
    dice = random.Random(20)  # noqa: S311 - guards nothing
    paths = [f"{url}/products/{id}" for id in product_ids(products)]
    reads: list[Read] = []

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as reading:

        async def read(due: float) -> None:
            async with session.get(dice.choice(paths), raise_for_status=True) as response:
                await response.read()
            # From when it was due: a reader who comes while the API is stuck waits too.
            reads.append(Read(due, time.monotonic() - due))

        due = time.monotonic()
        while not ended.is_set():
            due += 1 / REQUESTS_PER_SECOND
            await asyncio.sleep(due - time.monotonic())
            reading.create_task(read(due))
    return reads
