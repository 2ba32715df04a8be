"""A batch that is stopped: calls without an answer have not failed, even if a freeze outlasted their deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import NoReturn
from uuid import UUID

import pytest

from application.synchronisation.batch import Group, attempt_all
from application.synchronisation.batch_report import Outcome
from application.synchronisation.repositories import Claim
from application.synchronisation.timing import Timing
from factories import some_id
from fakes.storage import InMemoryUnitOfWork
from fakes.synchronisation import Synchronising
from waiting import let_others_run

AT = datetime(2026, 3, 14, 12, tzinfo=UTC)
DEADLINE = 3600.0


class Worker:
    """A worker that is told to stop while it is frozen, beyond the deadline of its only call."""

    def __init__(self, freeze: Callable[[], None]) -> None:
        self.freeze = freeze
        self.claim = Claim(some_id(), AT, [some_id()])
        self.written: list[Group[object]] = []

    async def run(self) -> None:
        self.running = asyncio.create_task(
            attempt_all(self.claim, self.call, self.write, timing=Timing(batch_deadline=DEADLINE), now=time.monotonic)
        )
        await self.running

    async def call(self, product_id: UUID) -> NoReturn:
        self.running.cancel()
        self.freeze()
        await asyncio.Event().wait()
        raise AssertionError(product_id)

    async def write(self, group: Group[object]) -> None:
        self.written.append(group)


async def test_a_freeze_that_ends_with_a_stop_makes_no_call_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    clock = loop.time
    worker = Worker(lambda: monkeypatch.setattr(loop, "time", lambda: clock() + 2 * DEADLINE))
    with pytest.raises(asyncio.CancelledError):
        await worker.run()
    assert worker.written == [Group({}, {}, frozenset(worker.claim.product_ids))]


async def stopped_while_it_claims(run: Callable[[], Awaitable[object]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancel a batch whose first commit is made, and whose answer to it is not."""
    commit, committed, answered = InMemoryUnitOfWork.commit, asyncio.Event(), asyncio.Event()

    async def commit_slowly(work: InMemoryUnitOfWork) -> None:
        await commit(work)
        committed.set()
        await answered.wait()

    monkeypatch.setattr(InMemoryUnitOfWork, "commit", commit_slowly)
    running = asyncio.ensure_future(run())
    await committed.wait()
    running.cancel()
    await let_others_run()
    answered.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    monkeypatch.undo()


async def test_products_that_a_stopped_worker_was_claiming_are_observed_at_once(
    world: Synchronising, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await world.registered()
    await stopped_while_it_claims(world.refresh, monkeypatch)
    assert not world.upstream.answers[id]
    assert (await world.refresh()).outcomes == {Outcome.OBSERVED: 1}


async def test_products_that_a_stopped_worker_was_claiming_are_registered_at_once(
    world: Synchronising, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.created()
    await stopped_while_it_claims(world.submit, monkeypatch)
    assert (await world.submit()).outcomes == {Outcome.REGISTERED: 1}
