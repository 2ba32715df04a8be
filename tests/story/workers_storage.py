"""The storage as the workers reach it: a commit may fail, stored or not, and no lease is taken from its holder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from application.storage import StorageUnavailable
from application.unit_of_work import UnitOfWork
from fakes.storage import InMemoryStorage, InMemoryUnitOfWork, Rows
from specification.event_schemas import check_event


@dataclass
class WorkersStorage:
    """After `commits_left` more commits one fails, and leaves everything stored if `stores_all_the_same`."""

    storage: InMemoryStorage
    commits_left: int | None = None
    stores_all_the_same: bool = False
    flaws: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[UnitOfWork]:
        async with self.storage.begin() as work:
            assert isinstance(work, InMemoryUnitOfWork)
            yield _WorkersUnitOfWork(self, work)

    def fail(self, after: int, *, stores_all_the_same: bool) -> None:
        self.commits_left, self.stores_all_the_same = after, stores_all_the_same

    async def commit(self, work: UnitOfWork) -> None:
        before = self.storage.rows
        fails = self.commits_left == 0
        self.commits_left = None if fails or self.commits_left is None else self.commits_left - 1
        if not fails or self.stores_all_the_same:
            await work.commit()
            self._watch(before, self.storage.rows)
        if fails:
            raise StorageUnavailable("the connection broke at the commit")

    def _watch(self, before: Rows, after: Rows) -> None:
        for event in after.events[len(before.events) :]:
            check_event(event.json)
        now = self.storage.clock()
        for product_id, old in before.synchronisations.items():
            new = after.synchronisations.get(product_id, old)
            taken = new.lease_id not in (None, old.lease_id)
            if taken and old.lease_id is not None and not old.ended(now):
                self.flaws.append("a lease is taken from its holder")


class _WorkersUnitOfWork:
    def __init__(self, workers: WorkersStorage, work: InMemoryUnitOfWork) -> None:
        self._workers = workers
        self._work = work
        self.products = work.products
        self.synchronisations = work.synchronisations
        self.offers = work.offers
        self.idempotency_keys = work.idempotency_keys
        self.keys, self.audit, self.events = work.keys, work.audit, work.events
        self.alerts, self.alert_states = work.alerts, work.alert_states
        self.webhooks = work.webhooks
        self.now = work.now

    async def commit(self) -> None:
        await self._workers.commit(self._work)
