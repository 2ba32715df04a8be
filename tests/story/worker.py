"""A worker process of the story: its batches, its calls, its share of the token, and the ways in which it can end."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from application.storage import StorageUnavailable
from application.synchronisation.access_token.issuing import IssuedToken
from application.synchronisation.batch_report import BatchReport
from application.synchronisation.offers_gateway import NotAuthorised, OffersServiceUnavailable
from application.synchronisation.scheduling import Job
from application.synchronisation.timing import Timing
from application.unit_of_work import BeginWork
from domain.offer import ObservedOffers
from domain.product import RegistrationState
from fakes.storage import FakeClock
from fakes.synchronisation import Synchronising
from fakes.token_store import InMemoryTokenStore
from story.manual_event_loop import ManualEventLoop
from story.upstream import AUTH, PATIENCE_WITH_AUTH, Upstream, Way
from upstream.clients import shared_token_of

Answer = TypeVar("Answer")


@dataclass
class Outside:
    """What all processes share."""

    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.upstream = Upstream(clock=self.clock)
        self.scene = Synchronising(timing=Timing(), clock=self.clock, upstream=self.upstream)
        self.storage = self.scene.storage
        self.tokens = InMemoryTokenStore(self.clock)
        self.calls: defaultdict[UUID, list[Call]] = defaultdict(list)
        self.flaws: list[str] = self.upstream.issuer.flaws


@dataclass(eq=False)
class Call:
    """One call of a batch. `dated` is what its process holds for the time of its end."""

    product_id: UUID
    lease_id: UUID | None
    began_at: datetime
    ended_at: datetime | None = None
    dated: datetime | None = None
    answer: ObservedOffers | None = None
    error: BaseException | None = None

    @property
    def attempted(self) -> bool:
        """Whether it ended as an attempt, well or badly; a call that a stopped batch cuts off is none."""
        return self.dated is not None and not isinstance(self.error, NotAuthorised)


class Worker:
    """A process with a clock of its own, which `ahead` is set from the true time."""

    def __init__(self, outside: Outside, begin: BeginWork) -> None:
        self.ahead = timedelta(0)
        self.frozen = False
        self.batches: list[Batch] = []
        self.loop = ManualEventLoop(outside.clock)
        self.outside = outside
        self.token = shared_token_of(
            "http://offers",
            "refresh",
            store=outside.tokens,
            issue=self._issue,
            clock=self.now,
            jitter=lambda: 0.5,
        )
        self._begin = begin
        self._scene = Synchronising(timing=Timing(), clock=outside.clock, upstream=outside.upstream)

    def now(self) -> datetime:
        return self.outside.clock.now + self.ahead

    def start(self, job: Job) -> None:
        batch = Batch(self)
        scene = self._scene
        if job is Job.SUBMIT_REGISTRATIONS:
            work = replace(scene.submit, begin=self._begin, offers=batch, now=self.loop.time)()
        else:
            work = replace(scene.refresh, begin=self._begin, offers=batch, now=self.loop.time)()
        batch.task = self.loop.create_task(work)
        self.batches.append(batch)

    def stop(self) -> None:
        """Get SIGTERM, and stop properly."""
        for batch in self.batches:
            batch.stopped = True
            batch.task.cancel()
        self.loop.run_until_idle()

    def take_ended(self) -> "list[Batch]":
        """Take out the batches that came to their end."""
        ended = [batch for batch in self.batches if batch.task.done()]
        self.batches = [batch for batch in self.batches if batch not in ended]
        return ended

    async def _issue(self) -> IssuedToken:
        upstream = self.outside.upstream
        try:
            async with asyncio.timeout(PATIENCE_WITH_AUTH):
                upstream.issuer.note_request()
                await upstream.travel(AUTH, Way.REQUEST)
                token = upstream.issuer.issue()
                await upstream.travel(AUTH, Way.REPLY)
        except TimeoutError:
            raise OffersServiceUnavailable("timeout") from None
        return IssuedToken(token, None)


class Batch:
    """One run of a job, and the Offers service as that run sees it, which writes down each call."""

    def __init__(self, worker: Worker) -> None:
        self.stopped = False
        self.calls: dict[UUID, Call] = {}
        self.task: asyncio.Task[BatchReport]
        self._worker = worker
        self._outside = worker.outside

    def report(self) -> BatchReport | None:
        """Return the batch's report, None if storage failed it; a defect is raised."""
        if self.task.cancelled():
            return BatchReport()
        error = self.task.exception()
        if isinstance(error, StorageUnavailable):
            return None
        return self.task.result()

    async def authorise(self) -> None:
        await self._worker.token.current()

    async def register(self, product_id: UUID, name: str, description: str) -> None:
        product = self._outside.storage.rows.products.get(product_id)
        if product and product.registration.state is not RegistrationState.PENDING:
            self._outside.flaws.append(f"{product.registration.state} {product.name} is registered again")
        if product and product.registration.submitted_at is None:
            self._outside.flaws.append(f"{product.name} is submitted without a note of it")
        with self._called(product_id):
            await self._exchange(product_id, lambda: self._outside.upstream.register(product_id, name, description))

    async def offers_of(self, product_id: UUID) -> ObservedOffers:
        asked_before = self.calls.get(product_id)
        with self._called(product_id) as call:
            self._check_doubt(asked_before)
            call.answer = await self._exchange(product_id, lambda: self._outside.upstream.offers_of(product_id))
        return call.answer

    def _check_doubt(self, registering: Call | None) -> None:
        """Whoever was submitted earlier is registered by a 409 already."""
        product = registering and self._outside.storage.rows.products.get(registering.product_id)
        submitted_at = product.registration.submitted_at if product else None
        if registering and submitted_at and submitted_at < registering.began_at:
            self._outside.flaws.append("the echo of an earlier registration is taken for a stranger's")

    async def _exchange(self, product_id: UUID, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        upstream, access = self._outside.upstream, self._worker.token
        token = await access.current()
        await upstream.travel(product_id, Way.REQUEST)
        if not upstream.issuer.accepts(token):
            await access.refused(token)
            raise NotAuthorised("the access token was refused")
        try:
            return await ask()
        finally:
            await upstream.travel(product_id, Way.REPLY)

    @contextmanager
    def _called(self, product_id: UUID) -> Iterator[Call]:
        leased = self._outside.storage.rows.synchronisations.get(product_id)
        call = Call(product_id, None if leased is None else leased.lease_id, self._outside.clock.now)
        self.calls[product_id] = call
        self._outside.calls[product_id].append(call)
        try:
            yield call
        except BaseException as error:
            call.error = error
            raise
        finally:
            if not (self.stopped and isinstance(call.error, asyncio.CancelledError)):
                call.ended_at = self._outside.clock.now
                call.dated = call.ended_at
