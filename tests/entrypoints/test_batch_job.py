"""A worker's job: batch after batch while they are full, but not for long, and nothing more once one is not."""

from collections import Counter
from dataclasses import replace

import pytest

from adapters.metrics import Metrics
from application.pace import Pace
from application.ports import StorageUnavailable
from application.report import Outcome, Report
from entrypoints.worker import batch_job

PACE = Pace(batch_size=10, claiming=5)
FULL = Report(outcomes=Counter({Outcome.OBSERVED: 9, Outcome.FAILED: 1}))
LESS = Report(outcomes=Counter({Outcome.OBSERVED: 9}))
HANDED_BACK = Report(outcomes=Counter({Outcome.OBSERVED: 1, Outcome.POSTPONED: 9}))
EMPTY = Report()
HELD_BACK = Report(held_back="no access token")


async def batches_run(*comes: Report | Exception, pace: Pace = PACE) -> int:
    """How many of these batches one job runs."""
    run = 0

    async def batch() -> Report:
        nonlocal run
        run += 1
        report = comes[run - 1]
        if isinstance(report, Exception):
            raise report
        return report

    await batch_job("refresh", batch, pace, Metrics())()
    return run


@pytest.mark.parametrize("last", [LESS, HANDED_BACK, EMPTY, HELD_BACK, StorageUnavailable("gone")])
async def test_full_batches_are_followed_by_another_until_one_is_not(last: Report | Exception) -> None:
    assert await batches_run(FULL, FULL, FULL, last, FULL) == 4


async def test_however_much_is_due_a_job_ends_soon() -> None:
    assert await batches_run(*[FULL] * 3, pace=replace(PACE, claiming=0)) == 1


async def test_a_defect_ends_the_job_and_is_not_hidden() -> None:
    with pytest.raises(KeyError):
        await batches_run(FULL, KeyError("defect"))
