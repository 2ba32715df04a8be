"""Waiting for a turn to call upstream: places, the rate, and the end of patience."""

import asyncio

import pytest

from adapters.offers_api.call_limits import CallLimits
from application.synchronisation.offers_gateway import NotAttempted


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


async def test_calls_are_spread_evenly_below_the_rate() -> None:
    turns = CallLimits(waiting=100, concurrency=10, calls_per_second=100, patience=5)
    began: list[float] = []

    async def call() -> None:
        async with turns:
            began.append(asyncio.get_running_loop().time())

    await asyncio.gather(*(call() for _ in range(11)))
    assert began == sorted(began)
    assert began[-1] - began[0] >= 0.09
    assert all(began[index + 5] - began[index] >= 0.03 for index in range(6))


@pytest.mark.parametrize(("rate", "fewest"), [(100, 1), (2_000, 140)])  # a timer for every call would come to about 100
async def test_what_the_rate_does_not_allow_within_the_patience_is_not_made(rate: int, fewest: int) -> None:
    turns = CallLimits(waiting=100, concurrency=1_000, calls_per_second=rate, patience=0.1)
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def call() -> bool:
        try:
            async with turns:
                return True
        except NotAttempted:
            return False

    made = sum(await asyncio.gather(*(call() for _ in range(1_000))))
    burst = max(1, rate / 100)
    assert fewest <= made <= burst + 1 + rate * (loop.time() - began)
