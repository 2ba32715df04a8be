"""Waiting for a turn to call upstream: places, the rate, and the end of patience."""

import asyncio
import math
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from adapters.offers_api.call_limits import CallLimits
from application.synchronisation.offers_gateway import NotAttempted
from fakes.storage import FakeClock
from story.manual_event_loop import ManualEventLoop

T = TypeVar("T")


async def test_no_more_calls_than_places_at_once() -> None:
    turns = CallLimits(waiting=100, concurrency=2, calls_per_second=None, patience=5)
    running = most = 0

    async def call() -> None:
        nonlocal running, most
        async with turns:
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(call() for _ in range(20)))
    assert (running, most) == (0, 2)


async def test_a_call_whose_turn_does_not_come_is_not_made_and_takes_no_place() -> None:
    turns = CallLimits(waiting=100, concurrency=1, calls_per_second=None, patience=0.02)
    async with turns:
        with pytest.raises(NotAttempted):
            await turns.__aenter__()
    async with turns:
        pass


async def test_a_place_comes_free_when_a_call_fails() -> None:
    turns = CallLimits(waiting=100, concurrency=1, calls_per_second=None, patience=0.02)
    for _ in range(2):
        with pytest.raises(KeyError):
            async with turns:
                raise KeyError


def run(calls: Coroutine[Any, Any, T]) -> T:
    """Return the results of the calls, on a loop by a clock of our own, whose timers are accurate to a millisecond."""
    clock = FakeClock()
    loop = ManualEventLoop(clock)
    task = loop.create_task(calls)
    while True:
        wait = loop.run_until_idle()
        if task.done():
            break
        # A little late, as real timers are: at the very moment, the limiter's sums may be short by a rounding error.
        clock.advance(timedelta(milliseconds=max(1, math.ceil(wait * 1000 - 0.001)), microseconds=1))
    loop.close()
    return task.result()


def test_calls_are_spread_evenly_below_the_rate() -> None:
    turns = CallLimits(waiting=100, concurrency=10, calls_per_second=100, patience=5)

    async def call() -> float:
        async with turns:
            return asyncio.get_running_loop().time()

    async def calls() -> list[float]:
        return await asyncio.gather(*(call() for _ in range(11)))

    assert run(calls()) == pytest.approx([index / 100 for index in range(11)], abs=0.001)


@pytest.mark.parametrize(("rate", "made"), [(100, 11), (2_000, 230)])  # a timer for every call would come to about 100
def test_calls_beyond_the_rate_are_not_made_within_the_patience(rate: int, made: int) -> None:
    turns = CallLimits(waiting=100, concurrency=1_000, calls_per_second=rate, patience=0.1055)

    async def call() -> bool:
        try:
            async with turns:
                return True
        except NotAttempted:
            return False

    async def calls() -> list[bool]:
        return await asyncio.gather(*(call() for _ in range(1_000)))

    assert sum(run(calls())) == pytest.approx(made, abs=1)


def test_the_waits_for_the_rate_and_for_a_place_share_the_patience() -> None:
    turns = CallLimits(waiting=100, concurrency=1, calls_per_second=10, patience=0.15)

    async def waited() -> float:
        async with turns:
            began = asyncio.get_running_loop().time()
            with pytest.raises(NotAttempted):
                await turns.__aenter__()
            return asyncio.get_running_loop().time() - began

    assert run(waited()) == pytest.approx(0.15, abs=0.002)
