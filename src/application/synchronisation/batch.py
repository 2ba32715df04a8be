"""Calling upstream for a claimed batch: all products at once, what comes of it handed over in groups."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from application.synchronisation.offers_gateway import NotAttempted, OffersServiceUnavailable
from application.synchronisation.timing import Pace
from application.unit_of_work import Claim, Clock

Answer = TypeVar("Answer", covariant=True)
Task = asyncio.Task["Answered[Answer] | Failed"]


@dataclass(frozen=True, slots=True)
class Answered(Generic[Answer]):
    """A call that was granted, and when, by the storage's clock, which all workers share."""

    answer: Answer
    at: datetime


@dataclass(frozen=True, slots=True)
class Failed:
    """A call that was not, and when."""

    error: Exception
    at: datetime


@dataclass(frozen=True, slots=True)
class Group(Generic[Answer]):
    """What has come in since the last group; `unattempted` products got no chance and stay due."""

    answered: Mapping[UUID, Answered[Answer]]
    failed: Mapping[UUID, Failed]
    unattempted: frozenset[UUID]


async def attempt_all(
    claim: Claim,
    call: Callable[[UUID], Awaitable[Answer]],
    write: Callable[[Group[Answer]], Awaitable[None]],
    *,
    pace: Pace,
    clock: Clock,
) -> None:
    """Call for every product of the claim, and write what comes of it in groups at most `pace.group_age` old.

    Products without an answer by the batch's deadline count as failed, so one that hangs delays no other. When the
    caller is cancelled, what has arrived is still written before the cancellation goes on.
    """
    drift = claim.claimed_at - clock()
    deadline = asyncio.get_running_loop().time() + pace.batch_deadline

    async def attempt(product_id: UUID) -> Answered[Answer] | Failed:
        try:
            async with asyncio.timeout_at(deadline):
                answer = await call(product_id)
        except TimeoutError:
            return Failed(OffersServiceUnavailable("no answer by the batch's deadline"), clock() + drift)
        except Exception as error:  # noqa: BLE001 - a defect that one product brings out must not cost the others
            return Failed(error, clock() + drift)
        return Answered(answer, clock() + drift)

    tasks = {asyncio.create_task(attempt(product_id)): product_id for product_id in claim.product_ids}
    writing = asyncio.create_task(_write_groups(tasks, write, pace.group_age))
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        _cancel(tasks)
        await writing
        raise
    finally:
        _cancel(tasks)


async def _write_groups(
    tasks: Mapping["Task[Answer]", UUID], write: Callable[[Group[Answer]], Awaitable[None]], group_age: float
) -> None:
    pending = set(tasks)
    while pending:
        done, pending = await asyncio.wait(pending, timeout=group_age)
        if done:
            await write(_group({tasks[task]: None if task.cancelled() else task.result() for task in done}))


def _group(outcomes: Mapping[UUID, Answered[Answer] | Failed | None]) -> Group[Answer]:
    answered, failed, unattempted = {}, {}, set()
    for product_id, outcome in outcomes.items():
        match outcome:
            case Answered():
                answered[product_id] = outcome
            case Failed(error) if not isinstance(error, NotAttempted):
                failed[product_id] = outcome
            case _:
                unattempted.add(product_id)
    return Group(answered, failed, frozenset(unattempted))


def _cancel(tasks: Iterable["Task[Answer]"]) -> None:
    for task in tasks:
        task.cancel()
