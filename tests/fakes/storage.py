"""The catalogue kept in memory: fakes of the storage ports, held to them by the contract suites."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from application.access.api_keys import ApiKey
from application.access.audit_records import AuditRecord
from application.catalogue.idempotency_keys import KeptAnswer
from application.catalogue.views import Encoded, ListedChangeView, ProductView
from application.clock import Clock
from application.events.event_log import RecordedEvent
from application.storage import StorageUnavailable
from application.synchronisation.repositories import (
    LONGEST_LEASE,
    LONGEST_REGISTRATION_WAIT,
    MOST_UNOBSERVED,
    Claim,
    Due,
)
from application.unit_of_work import UnitOfWork
from domain.errors import IdempotencyInProgress, ProductAlreadyExists, ProductNotFound
from domain.offer import OfferInterval, TrackedOffer
from domain.prices.price import PriceStep
from domain.product import Product
from domain.synchronisation import AT_ONCE, Observation, Synchronisation
from fakes.access import InMemoryAuditLog, InMemoryKeyRepository
from fakes.alerts import AlertRows, InMemoryAlertRepository, InMemoryAlertStateRepository
from fakes.events import InMemoryEventLog
from fakes.product_views import product_view, version_of
from fakes.webhooks import InMemoryWebhookRepository, WebhookRows

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


@dataclass
class FakeClock:
    """Time stands still until it is moved."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> datetime:
        self.now += by
        return self.now


@dataclass(frozen=True)
class Leased:
    """A stored synchronisation and its lease."""

    state: Synchronisation
    lease_id: UUID | None = None
    lease_until: datetime | None = None
    loaded: bool = False

    def ended(self, now: datetime) -> bool:
        return self.lease_until is not None and not now < self.lease_until <= now + LONGEST_LEASE


@dataclass(frozen=True)
class Rows:
    """All that is stored. No value in here ever changes, it is replaced: so a copy of the containers is a snapshot."""

    products: dict[UUID, Product] = field(default_factory=dict)
    withdrawn: dict[UUID, None] = field(default_factory=dict)
    synchronisations: dict[UUID, Leased] = field(default_factory=dict)
    offers: dict[UUID, Mapping[UUID, TrackedOffer]] = field(default_factory=dict)
    intervals: list[tuple[UUID, OfferInterval]] = field(default_factory=list)
    steps: list[tuple[UUID, PriceStep]] = field(default_factory=list)
    changes: dict[UUID, tuple[ListedChangeView | None, ListedChangeView | None, int | None]] = field(
        default_factory=dict
    )
    idempotency_keys: dict[bytes, tuple[KeptAnswer, datetime]] = field(default_factory=dict)
    keys: dict[UUID, tuple[ApiKey, bytes]] = field(default_factory=dict)
    audit: list[AuditRecord] = field(default_factory=list)
    events: list[RecordedEvent] = field(default_factory=list)
    alerts: AlertRows = field(default_factory=AlertRows)
    webhooks: WebhookRows = field(default_factory=WebhookRows)

    def copy(self) -> "Rows":
        return Rows(
            dict(self.products),
            dict(self.withdrawn),
            dict(self.synchronisations),
            dict(self.offers),
            list(self.intervals),
            list(self.steps),
            dict(self.changes),
            dict(self.idempotency_keys),
            dict(self.keys),
            list(self.audit),
            list(self.events),
            self.alerts.copy(),
            self.webhooks.copy(),
        )


class InMemoryStorage:
    """What is committed, and the way to units of work; these come one after the other, as if all rows were locked.

    While `away` is set, nothing can be reached. The keys in `taken` some other unit of work has.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.rows = Rows()
        self.away = False
        self.taken: set[bytes] = set()
        self._writing = asyncio.Lock()

    def begin(self) -> AbstractAsyncContextManager[UnitOfWork]:
        return self._begin()

    def reach(self) -> None:
        if self.away:
            raise StorageUnavailable("switched off")

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[UnitOfWork]:
        self.reach()
        async with self._writing:
            yield InMemoryUnitOfWork(self)


class InMemoryUnitOfWork:
    """Works on a copy, which takes the place of the stored rows when it is committed."""

    def __init__(self, storage: InMemoryStorage) -> None:
        self._storage = storage
        self._rows = rows = storage.rows.copy()
        self.products = InMemoryProductRepository(rows, storage.reach, storage.clock())
        self.synchronisations = InMemorySynchronisationRepository(rows, storage.reach, storage.clock())
        self.offers = InMemoryOfferRepository(rows, storage.reach)
        self.idempotency_keys = InMemoryIdempotencyKeyRepository(rows, storage)
        self.keys = InMemoryKeyRepository(rows.keys, storage.reach, storage.clock())
        self.audit = InMemoryAuditLog(rows.audit, storage.reach, storage.clock())
        self.events = InMemoryEventLog(rows.events, storage.reach)
        self.alerts = InMemoryAlertRepository(rows.alerts, storage.reach)
        self.alert_states = InMemoryAlertStateRepository(rows.alerts, rows.steps, storage.reach)
        self.webhooks = InMemoryWebhookRepository(rows.webhooks, storage.reach)

    async def now(self) -> datetime:
        self._storage.reach()
        return self._storage.clock()

    async def commit(self) -> None:
        self._storage.reach()
        self._storage.rows = self._rows.copy()


class InMemoryProductRepository:
    """Products by id; the ids of withdrawn ones are remembered until they are purged."""

    def __init__(self, rows: Rows, reach: Callable[[], None], now: datetime) -> None:
        self._rows = rows
        self._reach = reach
        self._now = now

    async def add(self, *products: Product) -> Mapping[UUID, tuple[str, ...]]:
        self._reach()
        taken: dict[UUID, tuple[str, ...]] = {}
        names = {product.name for product in self._rows.products.values()}
        for product in products:
            has_id = product.id in self._rows.products or product.id in self._rows.withdrawn
            fields = (*(["id"] if has_id else []), *(["name"] if product.name in names else []))
            if fields:
                taken[product.id] = fields
            else:
                self._rows.products[product.id] = replace(product)
                state = Synchronisation(product.id, min(product.created_at, self._now))
                self._rows.synchronisations[product.id] = Leased(state, loaded=len(products) > 1)
        return taken

    async def get(self, product_id: UUID) -> Product:
        for found in await self.list([product_id]):
            return found
        raise ProductNotFound(product_id)

    async def list(self, product_ids: Collection[UUID]) -> list[Product]:
        self._reach()
        return [replace(self._rows.products[id]) for id in sorted(product_ids) if id in self._rows.products]

    async def save(self, *products: Product) -> None:
        self._reach()
        for product in products:
            others = (other for other in self._rows.products.values() if other.id != product.id)
            if any(other.name == product.name for other in others):
                raise ProductAlreadyExists("name")
            self._rows.products[product.id] = replace(product)

    async def remove(self, product: Product) -> None:
        self._reach()
        del self._rows.products[product.id]
        del self._rows.synchronisations[product.id]
        self._rows.withdrawn[product.id] = None

    async def show(self, product: Product) -> Encoded[ProductView]:
        self._reach()
        view = product_view(self._rows.products[product.id], self._rows.synchronisations[product.id].state, self._now)
        return Encoded(msgspec.json.encode(view), version_of(view))


class InMemorySynchronisationRepository:
    """Schedule and leases, by the time at which the unit of work began."""

    def __init__(self, rows: Rows, reach: Callable[[], None], now: datetime) -> None:
        self._rows = rows.synchronisations
        self._reach = reach
        self._now = now

    async def count_due(self, interval: timedelta, limit: int) -> Due:
        self._reach()
        observed = [row for row in self._rows.values() if row.state.scheduled_at is not None]
        waiting = [row.state.next_attempt_at(interval) or self._now for row in self._free(observed, interval)]
        for row in observed:
            if row.lease_id is not None and row.state.not_before is not None:
                since = row.state.observed_at and row.state.observed_at + interval
                waiting.append(max(since or row.state.not_before, row.state.not_before))
        return Due(
            len(self._due_registrations()[:limit]),
            len(self._due_observations(interval)[:limit]),
            lag=self._now - min([*waiting, self._now]),
            at=self._now,
        )

    async def claim_registrations(self, lease: timedelta, limit: int, *, likeliest: bool = False) -> Claim | None:
        self._reach()
        due = self._due_registrations()
        in_turns = self._in_turns(due, limit, lambda row: row.loaded)
        return self._lease((self._likeliest(due) if likeliest else in_turns)[:limit], lease)

    async def claim_observations(
        self, interval: timedelta, lease: timedelta, limit: int, *, likeliest: bool = False
    ) -> Claim | None:
        self._reach()
        due = self._due_observations(interval)
        in_turns = self._in_turns(due, limit, lambda row: row.state.scheduled_at != AT_ONCE)
        claimed = (self._likeliest(due) if likeliest else in_turns)[:limit]
        for id in claimed:
            row = self._rows[id]
            slot = row.state.scheduled_at or self._now
            if slot + 2 * interval <= self._now or slot > self._now:
                slot = self._now
            elif slot + interval <= self._now:
                slot += interval
            self._rows[id] = replace(row, state=replace(row.state, scheduled_at=slot))
        return self._lease(claimed, lease)

    async def hold(self, lease_id: UUID, product_ids: Collection[UUID]) -> list[Synchronisation]:
        self._reach()
        return [replace(self._rows[id].state) for id in sorted(product_ids) if self._covers(lease_id, id)]

    async def get(self, product_id: UUID) -> Synchronisation:
        self._reach()
        if product_id not in self._rows:
            raise ProductNotFound(product_id)
        return replace(self._rows[product_id].state)

    async def save(self, *states: Synchronisation) -> None:
        self._reach()
        for state in states:
            self._rows[state.product_id] = Leased(replace(state), loaded=self._rows[state.product_id].loaded)

    async def postpone(self, lease_id: UUID, product_ids: Collection[UUID]) -> None:
        self._reach()
        for id in product_ids:
            if self._covers(lease_id, id):
                self._rows[id] = replace(self._rows[id], lease_until=self._now)

    def _covers(self, lease_id: UUID, product_id: UUID) -> bool:
        return product_id in self._rows and self._rows[product_id].lease_id == lease_id

    def _due_registrations(self) -> list[UUID]:
        waiting = [row for row in self._rows.values() if row.state.scheduled_at is None]
        free = self._free(waiting, timedelta(0))
        unobserved = [row for row in self._rows.values() if row.lease_id is None and row.state.scheduled_at == AT_ONCE]
        if len(unobserved) >= MOST_UNOBSERVED:
            free = [row for row in free if not row.loaded]
        return self._abandoned(waiting) + [row.state.product_id for row in free]

    def _due_observations(self, interval: timedelta) -> list[UUID]:
        observed = [row for row in self._rows.values() if row.state.scheduled_at is not None]
        return self._abandoned(observed) + [row.state.product_id for row in self._free(observed, interval)]

    def _abandoned(self, rows: Iterable[Leased]) -> list[UUID]:
        ended = [row for row in rows if row.ended(self._now)]
        return [row.state.product_id for row in sorted(ended, key=lambda row: row.lease_until or self._now)]

    def _free(self, rows: Iterable[Leased], interval: timedelta) -> list[Leased]:
        due = []
        for row in rows:
            not_before = row.state.not_before
            if row.lease_id is None and not_before is not None:
                slot = not_before if row.state.scheduled_at is None else row.state.scheduled_at + interval
                waited = not_before <= self._now
                due += [(slot, row)] if (waited and slot <= self._now) or self._ahead(row.state, waited=waited) else []
        return [row for _, row in sorted(due, key=lambda each: each[0])]

    def _ahead(self, state: Synchronisation, *, waited: bool) -> bool:
        """Whether a clock that was ahead has put off a due product."""
        attempted = state.last_attempt_at
        attempt_ahead = attempted is not None and attempted > self._now
        if state.scheduled_at is not None:
            return state.scheduled_at > self._now and (waited or attempt_ahead)
        assert state.not_before is not None
        too_long = state.not_before > self._now + LONGEST_REGISTRATION_WAIT
        return not waited and (attempted is None or attempt_ahead or too_long)

    def _in_turns(self, due: list[UUID], limit: int, second: Callable[[Leased], bool]) -> list[UUID]:
        first = [id for id in due if self._rows[id].lease_id is not None]
        one = [id for id in due if id not in first and not second(self._rows[id])]
        other = [id for id in due if id not in first and second(self._rows[id])]
        half = (limit + 1) // 2
        return first + one[:half] + other + one[half:]

    def _likeliest(self, product_ids: Sequence[UUID]) -> list[UUID]:
        states = [self._rows[id].state for id in product_ids]
        newest = sorted(states, key=lambda state: state.scheduled_at or state.not_before or self._now, reverse=True)
        return [state.product_id for state in sorted(newest, key=lambda state: state.consecutive_failures)]

    def _lease(self, product_ids: Sequence[UUID], lease: timedelta) -> Claim | None:
        claim = Claim(uuid4(), self._now, product_ids)
        for id in product_ids:
            self._rows[id] = replace(self._rows[id], lease_id=claim.lease_id, lease_until=self._now + lease)
        return claim if product_ids else None


class InMemoryOfferRepository:
    """Offers by product, and all history in the order in which it was appended."""

    def __init__(self, rows: Rows, reach: Callable[[], None]) -> None:
        self._rows = rows
        self._reach = reach

    async def of(self, product_ids: Collection[UUID]) -> Mapping[UUID, Sequence[TrackedOffer]]:
        self._reach()
        return {id: [*self._rows.offers[id].values()] for id in product_ids if id in self._rows.offers}

    async def record(self, observations: Collection[Observation]) -> None:
        self._reach()
        for seen in observations:
            if seen.changed:
                changed = {offer.id: offer for offer in seen.changed}
                self._rows.offers[seen.product_id] = {**self._rows.offers.get(seen.product_id, {}), **changed}
            self._rows.intervals.extend((seen.product_id, ended) for ended in seen.ended)
            self._rows.steps.extend((seen.product_id, step) for step in seen.steps)


class InMemoryIdempotencyKeyRepository:
    """Answers by key, with the time at which they were kept."""

    def __init__(self, rows: Rows, storage: InMemoryStorage) -> None:
        self._rows = rows.idempotency_keys
        self._storage = storage
        self._now = storage.clock()

    async def take(self, key: bytes, kept_for: timedelta) -> KeptAnswer | None:
        self._storage.reach()
        if key in self._storage.taken:
            raise IdempotencyInProgress
        answer, at = self._rows.get(key, (None, self._now))
        return answer if at >= self._now - kept_for else None

    async def keep(self, key: bytes, answer: KeptAnswer) -> None:
        self._storage.reach()
        self._rows[key] = (answer, self._now)
