"""Calls for a claimed batch: all products at once, with the outcomes handed over in groups."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from application.synchronisation.offers_gateway import NotAttempted, OffersServiceUnavailable
from application.synchronisation.repositories import Claim
from application.synchronisation.timing import Timing
from application.unit_of_work import BeginWork

Result = TypeVar("Result", covariant=True)
Claimed = TypeVar("Claimed")
Task = asyncio.Task["Succeeded[Result] | Failed"]


@dataclass(frozen=True, slots=True)
class Succeeded(Generic[Result]):
    """A call that succeeded, and when: by the storage's clock, which all workers share."""

    result: Result
    at: datetime


@dataclass(frozen=True, slots=True)
class Failed:
    """A call that failed, and when."""

    error: Exception
    at: datetime


@dataclass(frozen=True, slots=True)
class Group(Generic[Result]):
    """The outcomes since the last group; `unattempted` products were not called for and stay due."""

    succeeded: Mapping[UUID, Succeeded[Result]]
    failed: Mapping[UUID, Failed]
    unattempted: frozenset[UUID]


async def claimed(
    claiming: Coroutine[Any, Any, Claimed | None], give_back: Callable[[Claimed], Awaitable[None]]
) -> Claimed | None:
    """Return what was claimed; if the caller is cancelled meanwhile, give that back before the cancellation continues.

    A claim that is broken off may be committed, and would keep its products from all workers until its lease ends.
    """
    task = asyncio.ensure_future(claiming)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if (found := await task) is not None:
            await give_back(found)
        raise


async def give_back(begin: BeginWork, claim: Claim) -> None:
    """Let other workers claim the products of a claim at once."""
    async with begin() as work:
        await work.synchronisations.postpone(claim.lease_id, claim.product_ids)
        await work.commit()


async def attempt_all(
    claim: Claim,
    call: Callable[[UUID], Awaitable[Result]],
    write: Callable[[Group[Result]], Awaitable[None]],
    *,
    timing: Timing,
    now: Callable[[], float],
) -> None:
    """Call for every product of the claim, and write the outcomes in groups at most `timing.group_age` old.

    Products without an answer by the batch's deadline count as failed, so a hanging one delays no other. When the
    caller is cancelled, the outcomes that have arrived are still written before the cancellation continues.

    Outcomes are dated from the claim on by `now`, a monotonic clock in seconds: the time of day may be set meanwhile.
    """
    began = now()
    overdue = False

    def at() -> datetime:
        return claim.claimed_at + timedelta(seconds=now() - began)

    async def attempt(product_id: UUID) -> Succeeded[Result] | Failed:
        try:
            result = await call(product_id)
        except asyncio.CancelledError:
            if not overdue:
                raise
            return Failed(OffersServiceUnavailable("no answer by the batch's deadline"), at())
        except Exception as error:  # noqa: BLE001 - a defect that one product triggers must not cost the others
            return Failed(error, at())
        return Succeeded(result, at())

    tasks = {asyncio.create_task(attempt(product_id)): product_id for product_id in claim.product_ids}

    def give_up() -> None:
        nonlocal overdue
        overdue = True
        _cancel(tasks)

    # One timer for all, because a time-out for each costs as much as its part of a write.
    timer = asyncio.get_running_loop().call_later(timing.batch_deadline, give_up)
    writing = asyncio.create_task(_write_groups(tasks, write, timing.group_age))
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        # A process that was frozen beyond the deadline may be stopped first: then no call has failed.
        timer.cancel()
        _cancel(tasks)
        await writing
        raise
    finally:
        timer.cancel()
        _cancel(tasks)


async def _write_groups(
    tasks: Mapping["Task[Result]", UUID], write: Callable[[Group[Result]], Awaitable[None]], group_age: float
) -> None:
    pending = set(tasks)
    while pending:
        done, pending = await asyncio.wait(pending, timeout=group_age)
        if done:
            await write(_group({tasks[task]: None if task.cancelled() else task.result() for task in done}))


def _group(outcomes: Mapping[UUID, Succeeded[Result] | Failed | None]) -> Group[Result]:
    succeeded, failed, unattempted = {}, {}, set()
    for product_id, outcome in outcomes.items():
        match outcome:
            case Succeeded():
                succeeded[product_id] = outcome
            case Failed(error) if not isinstance(error, NotAttempted):
                failed[product_id] = outcome
            case _:
                unattempted.add(product_id)
    return Group(succeeded, failed, frozenset(unattempted))


def _cancel(tasks: Iterable["Task[Result]"]) -> None:
    for task in tasks:
        task.cancel()
