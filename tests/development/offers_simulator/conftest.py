"""A simulator per test, and its caller."""

from collections.abc import AsyncIterator

import pytest

from development.offers_simulator.caller import Caller, ManualClock, calling
from entrypoints.development.offers_simulator.options import SimulatorOptions


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def caller(clock: ManualClock) -> AsyncIterator[Caller]:
    """A caller of a simulator where nothing has happened yet."""
    async with calling(SimulatorOptions(seed=7), clock=clock) as caller:
        yield caller


@pytest.fixture
async def known(caller: Caller) -> Caller:
    """A caller with a token and one registered product."""
    await caller.auth()
    assert (await caller.register()).status_code == 201
    return caller
