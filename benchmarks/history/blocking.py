"""How long the largest answers hold the API's event loop: what somebody waits who asks for nearly nothing meanwhile."""

import asyncio
import time
from statistics import median

import aiohttp

from benchmarks.history.asking import read
from benchmarks.history.questions import Question

ROUNDS = 6
PAUSE = 0.002
MOST = 50.0


async def print_holds(base: str, questions: list[Question]) -> None:
    """Ask each question a few times, and see how long a probe of the API is held up by it."""
    print(f"\nevent loop held during one answer, ms (target {MOST:.0f})")
    for question in questions:
        held = await _holds(base, question.path())
        print(f"{question.name:32} median {median(held):.0f}, greatest {max(held):.0f}", flush=True)


async def _holds(base: str, path: str) -> list[float]:
    held = []
    async with aiohttp.ClientSession(base) as session:
        for _ in range(ROUNDS):
            asking = asyncio.create_task(read(session, path))
            longest = 0.0
            while not asking.done():
                began = time.monotonic()
                await read(session, "/health/live")
                longest = max(longest, time.monotonic() - began)
                await asyncio.sleep(PAUSE)
            await asking
            held.append(longest * 1000)
    return held
