"""An upstream that is up half of the time, in turns: observations are in proportion, and calls stay bounded."""

import random
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from application.synchronisation.batch_report import Outcome
from application.synchronisation.offers_gateway import OffersServiceUnavailable
from fakes.synchronisation import TIMING, Synchronising

DOWN = OffersServiceUnavailable("connection failed")
STEP, STEPS_A_TICK = timedelta(seconds=0.25), 4


@dataclass(frozen=True)
class Case:
    """Durations are in seconds; upstream goes down for the first time `turn - offset` seconds after the start."""

    products: int
    interval: float
    turn: float
    offset: float


async def shares(case: Case) -> tuple[float, float]:
    """Return how many observations were made, and how many calls, for each observation that was due."""
    seconds = max(240, 20 * case.interval)
    timing = replace(TIMING, refresh_interval=timedelta(seconds=case.interval), batch_size=10, batch_deadline=60)
    world = Synchronising(timing=timing, jitter=random.Random(1).random)
    ids = [await world.registered() for _ in range(case.products)]
    while (await world.refresh()).full:
        pass
    world.next_slot()
    observed = calls = 0
    for step in range(int(seconds / STEP.total_seconds())):
        down = int((step * STEP.total_seconds() + case.offset) / case.turn) % 2
        world.upstream.trouble = dict.fromkeys(ids, DOWN) if down else {}
        full = step % STEPS_A_TICK == 0
        while full:
            report = await world.refresh()
            observed += report.outcomes[Outcome.OBSERVED]
            calls += report.attempted
            full = report.full
        world.clock.advance(STEP)
    due = case.products * seconds / case.interval
    return observed / due, calls / due


@pytest.mark.parametrize(
    "case",
    [
        *(Case(40, 1, 2, offset) for offset in (0, 0.5, 1.5, 2.5)),
        *(Case(40, 4, 2, offset) for offset in (0, 0.5, 1.5, 2.5)),
        *(Case(40, 10, 2, offset) for offset in (0, 0.5, 1.5, 2.5)),
        *(Case(200, 60, 2, offset) for offset in (0, 0.5, 1.5, 2.5)),
        *(Case(3, 10, 2, offset) for offset in (0, 2.5)),
        # Every slot of all products falls into a turn that is down.
        Case(3, 10, 5, 5.5),
        Case(40, 60, 2, 2.5),
        *(Case(40, 10, turn, turn + 0.5) for turn in (3, 5, 10, 20)),
    ],
    ids=str,
)
async def test_at_least_a_third_of_what_is_due_is_observed_and_no_more_is_called_for(case: Case) -> None:
    observed, calls = await shares(case)
    assert observed >= 1 / 3
    assert calls <= 1.1


async def test_while_upstream_is_up_all_is_observed() -> None:
    observed, calls = await shares(Case(40, 10, 10_000, 0))
    assert observed == calls == 1
