"""Requests that come at a steady rate, whether the earlier ones are answered or not, as those of many people do."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass

from benchmarks.reads.client import Answered, Connection, Request, open_connections

MOST_CONNECTIONS = 512
SHED = 503
GRAIN_SECONDS = 0.001
SECONDS_TO_ACCEPT = 0.5
SECONDS_TO_ANSWER = 30.0


@dataclass
class Arrivals:
    """What became of them: `missed` found no free connection, and were not sent."""

    answered: Answered
    shed: Answered
    seconds: float
    sent: int = 0
    missed: int = 0


async def arrive(port: int, request: Request, expected: int, *, rate: float, seconds: float) -> Arrivals:
    """Send so many requests a second for a while; each waits from when it was due."""
    came = Arrivals(Answered(expected), Answered(SHED), seconds)
    due_at: dict[Connection, float] = {}

    def answered(connection: Connection, status: int) -> None:
        waited = time.perf_counter() - due_at.pop(connection)
        (came.answered if status == expected else came.shed).note(status, waited)
        free.append(connection)

    opened = await open_connections([port], ["127.0.0.1"], min(MOST_CONNECTIONS, max(2, int(rate))), answered)
    free = deque(opened)
    await asyncio.sleep(SECONDS_TO_ACCEPT)
    began, turns = time.perf_counter(), int(rate * seconds)
    turn = 0
    while turn < turns:
        while turn < turns and (due := began + turn / rate) <= time.perf_counter():
            if free:
                connection = free.popleft()
                due_at[connection] = due
                connection.send(request(turn))
                came.sent += 1
            else:
                came.missed += 1
            turn += 1
        await asyncio.sleep(GRAIN_SECONDS)
    async with asyncio.timeout(SECONDS_TO_ANSWER):
        while due_at:  # noqa: ASYNC110 - told by a protocol
            await asyncio.sleep(GRAIN_SECONDS)
    for each in opened:
        each.close()
    return came
