"""A worker's job: batch after batch while they are full, but not for long, and nothing more once one is not."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from adapters.metrics.metrics import Metrics
from application.storage import StorageUnavailable
from application.synchronisation.batch_report import BatchReport, Outcome
from application.synchronisation.timing import Timing
from entrypoints.worker.jobs import batch_job
from telemetry.metric_values import counted

TIMING = Timing(batch_size=10, claiming=5)
FULL = {Outcome.OBSERVED: 9, Outcome.FAILED: 1}
LESS = {Outcome.OBSERVED: 9}
HANDED_BACK = {Outcome.OBSERVED: 1, Outcome.POSTPONED: 9}
EMPTY: dict[Outcome, int] = {}

Batch = tuple[dict[Outcome, int], BaseException | None]


async def batches_run(*batches: Batch, pace: Timing = TIMING, metrics: Metrics | None = None) -> int:
    """How many of these batches one job runs, each with what comes of it and how it is broken off."""
    run = 0

    async def batch(report: BatchReport) -> None:
        nonlocal run
        outcomes, error = batches[run]
        run += 1
        report.size = pace.batch_size
        report.outcomes.update(outcomes)
        if error is not None:
            raise error

    await batch_job("refresh", batch, pace, metrics or Metrics())()
    return run


@pytest.mark.parametrize("last", [(LESS, None), (HANDED_BACK, None), (EMPTY, None), (FULL, StorageUnavailable("gone"))])
async def test_full_batches_are_followed_by_another_until_one_is_not(last: Batch) -> None:
    assert await batches_run(*[(FULL, None)] * 3, last, (FULL, None)) == 4


async def test_however_much_is_due_a_job_ends_soon() -> None:
    assert await batches_run(*[(FULL, None)] * 3, pace=replace(TIMING, claiming=0)) == 1


@pytest.mark.parametrize("error", [KeyError("defect"), asyncio.CancelledError()])
async def test_what_a_batch_committed_before_it_was_broken_off_is_counted_and_logged(error: BaseException) -> None:
    metrics = Metrics()
    with capture_logs() as logs, pytest.raises(type(error)):
        await batches_run((LESS, error), metrics=metrics)
    assert counted(metrics, "aggregator_products_processed_total", work="refresh", outcome="observed") == 9
    assert [(entry["event"], entry["observed"]) for entry in logs] == [("batch", 9)]


async def test_a_batch_without_errors_has_no_empty_field() -> None:
    with capture_logs() as logs:
        await batches_run((LESS, None))
    (line,) = logs
    assert "errors" not in line
    assert all(value not in ({}, "", None) for value in line.values())
