"""A storage as the suites see it, in memory or on PostgreSQL, and how rows get into it through the ports."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Table, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.access.api_keys import SqlAlchemyKeyReader
from adapters.postgres.access.audit_log import SqlAlchemyAuditReader
from adapters.postgres.alerts.alert_repository import SqlAlchemyAlertReader
from adapters.postgres.catalogue.as_of_reader import SqlAlchemyCatalogueAsOfReader
from adapters.postgres.catalogue.catalogue_export import SqlAlchemyCatalogueExport
from adapters.postgres.catalogue.catalogue_reader import SqlAlchemyCatalogueReader
from adapters.postgres.catalogue.purge import SqlAlchemyCataloguePurge
from adapters.postgres.catalogue.rows import IdempotencyKeyRow
from adapters.postgres.events.event_reader import PostgresEventReader
from adapters.postgres.prices.listed_changes import SqlAlchemyListedChanges
from adapters.postgres.prices.offer_price_reader import SqlAlchemyOfferPriceReader
from adapters.postgres.prices.price_reader import SqlAlchemyPriceReader
from adapters.postgres.prices.recorded_steps import SqlAlchemyRecordedSteps
from adapters.postgres.prices.rollup import SqlAlchemyHistoryUpkeep
from adapters.postgres.prices.tables import best_price_step, offer_interval
from adapters.postgres.prices.trend_reader import SqlAlchemyPriceTrends
from adapters.postgres.snapshot import SnapshotLimits
from adapters.postgres.unit_of_work import BeginSqlAlchemyWork
from adapters.postgres.webhooks.due_webhooks import PostgresDueWebhooks
from adapters.postgres.webhooks.webhook_reader import SqlAlchemyWebhookReader
from application.access.api_keys import KeyReader
from application.access.audit_records import AuditReader
from application.alerts.evaluation import evaluate_alerts, in_order
from application.alerts.reading import AlertReader
from application.catalogue.as_of import CatalogueAsOfReader
from application.catalogue.export import CatalogueExport
from application.catalogue.purge import CataloguePurge
from application.events.event_log import EventReader
from application.prices.export import RecordedSteps
from application.prices.listed_changes import ListedChanges
from application.prices.readers import OfferPriceReader, PriceReader
from application.prices.rollup import HistoryUpkeep
from application.prices.trends import PriceTrends
from application.unit_of_work import BeginWork
from application.webhooks.ports import DueWebhooks, WebhookReader
from domain.errors import ProductAlreadyExists
from domain.offer import ObservedOffers, OfferInterval
from domain.prices.price import PriceState, PriceStep
from domain.prices.retention import Retention
from domain.product import Product
from domain.synchronisation import Synchronisation
from factories import some_id
from fakes.access_readers import InMemoryAuditReader, InMemoryKeyReader
from fakes.alerts import InMemoryAlertReader
from fakes.catalogue_as_of import InMemoryCatalogueAsOfReader
from fakes.catalogue_reader import InMemoryCatalogueReader
from fakes.event_readers import InMemoryEventReader
from fakes.exports import InMemoryCatalogueExport, InMemoryRecordedSteps
from fakes.price_readers import InMemoryOfferPriceReader, InMemoryPriceReader, InMemoryPriceTrends
from fakes.storage import InMemoryStorage
from fakes.upkeep import InMemoryCataloguePurge, InMemoryHistoryUpkeep, InMemoryListedChanges
from fakes.webhooks import InMemoryDueWebhooks, InMemoryWebhookReader
from storages.databases import system_clock
from storages.decoded_reader import DecodedCatalogue
from waiting import PATIENCE, let_others_run

INTERVAL = timedelta(seconds=60)
SOLD_OUT_KEPT = timedelta(days=1)
SETTLES = timedelta(minutes=2)
HOUR = timedelta(hours=1)
FEW_AT_ONCE = SnapshotLimits(rows=2)


def ago(*, seconds: float = 0, hours: float = 0) -> datetime:
    return system_clock() - timedelta(seconds=seconds, hours=hours)


@dataclass(frozen=True)
class Storage:
    """The storage's ports, and all history of a product, in order of time."""

    begin: BeginWork
    reader: DecodedCatalogue
    as_of: CatalogueAsOfReader
    catalogue_export: CatalogueExport
    recorded_steps: RecordedSteps
    prices: PriceReader
    offer_prices: OfferPriceReader
    purge: CataloguePurge
    history: HistoryUpkeep
    changes: ListedChanges
    keys: KeyReader
    audit: AuditReader
    events: EventReader
    alerts: AlertReader
    webhooks: WebhookReader
    due_webhooks: DueWebhooks
    trends: PriceTrends
    let_keys_age: Callable[[timedelta], Awaitable[None]]
    """Makes all idempotency keys older, as if that time had passed."""
    any_waits: Callable[[], Awaitable[bool]]
    """Whether a unit of work waits for what another one has locked."""
    intervals: Callable[[UUID], Awaitable[list[OfferInterval]]]
    steps: Callable[[UUID], Awaitable[list[PriceStep]]]


def in_memory() -> Storage:
    storage = InMemoryStorage(system_clock)

    async def let_keys_age(by: timedelta) -> None:
        keys = storage.rows.idempotency_keys
        keys.update({key: (product, at - by) for key, (product, at) in keys.items()})

    async def any_waits() -> bool:
        await let_others_run()
        return True

    async def intervals(product_id: UUID) -> list[OfferInterval]:
        return sorted((row for id, row in storage.rows.intervals if id == product_id), key=lambda row: row.valid_from)

    async def steps(product_id: UUID) -> list[PriceStep]:
        return sorted((row for id, row in storage.rows.steps if id == product_id), key=lambda row: row.valid_from)

    return Storage(
        storage.begin,
        DecodedCatalogue(InMemoryCatalogueReader(storage, INTERVAL, SOLD_OUT_KEPT)),
        InMemoryCatalogueAsOfReader(storage, SOLD_OUT_KEPT, SETTLES),
        InMemoryCatalogueExport(storage),
        InMemoryRecordedSteps(storage),
        InMemoryPriceReader(storage),
        InMemoryOfferPriceReader(storage),
        InMemoryCataloguePurge(storage),
        InMemoryHistoryUpkeep(storage),
        InMemoryListedChanges(storage),
        InMemoryKeyReader(storage),
        InMemoryAuditReader(storage),
        InMemoryEventReader(storage),
        InMemoryAlertReader(storage),
        InMemoryWebhookReader(storage),
        InMemoryDueWebhooks(storage),
        InMemoryPriceTrends(storage, SOLD_OUT_KEPT),
        let_keys_age,
        any_waits,
        intervals,
        steps,
    )


def on_postgres(engine: AsyncEngine, kept: Retention | None = None) -> Storage:
    kept = kept or Retention()

    async def let_keys_age(by: timedelta) -> None:
        async with engine.begin() as connection:
            await connection.execute(update(IdempotencyKeyRow).values(created_at=IdempotencyKeyRow.created_at - by))

    async def any_waits() -> bool:
        waiting = text("""
            SELECT EXISTS (
                SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
            )
        """)
        async with engine.connect() as connection:
            return bool((await connection.execute(waiting)).scalar_one())

    async def intervals(product_id: UUID) -> list[OfferInterval]:
        rows = await _rows(engine, offer_interval, product_id)
        return [OfferInterval(row.offer_id, row.price, row.valid_from, row.valid_to) for row in rows]

    async def steps(product_id: UUID) -> list[PriceStep]:
        rows = await _rows(engine, best_price_step, product_id)
        return [PriceStep(PriceState(row.state), row.price, row.valid_from, row.valid_to) for row in rows]

    return Storage(
        BeginSqlAlchemyWork(engine, kept),
        DecodedCatalogue(SqlAlchemyCatalogueReader(engine, INTERVAL, SOLD_OUT_KEPT)),
        SqlAlchemyCatalogueAsOfReader(engine, SOLD_OUT_KEPT, SETTLES),
        SqlAlchemyCatalogueExport(engine, FEW_AT_ONCE),
        SqlAlchemyRecordedSteps(engine, FEW_AT_ONCE),
        SqlAlchemyPriceReader(engine),
        SqlAlchemyOfferPriceReader(engine),
        SqlAlchemyCataloguePurge(engine),
        SqlAlchemyHistoryUpkeep(engine, kept),
        SqlAlchemyListedChanges(engine),
        SqlAlchemyKeyReader(engine),
        SqlAlchemyAuditReader(engine),
        PostgresEventReader(engine, searched=20),
        SqlAlchemyAlertReader(engine),
        SqlAlchemyWebhookReader(engine),
        PostgresDueWebhooks(engine),
        SqlAlchemyPriceTrends(engine, SOLD_OUT_KEPT),
        let_keys_age,
        any_waits,
        intervals,
        steps,
    )


def new_product(*, name: str | None = None, id: UUID | None = None, at: datetime | None = None) -> Product:
    id = id or some_id()
    return Product.create(id=id, name=name or f"Product {id}", description="", at=at or ago(seconds=10))


async def add(begin: BeginWork, *products: Product) -> None:
    async with begin() as work:
        for field, *_ in (await work.products.add(*products)).values():
            raise ProductAlreadyExists(field)
        await work.commit()


async def waits_or_ends(storage: Storage, task: "asyncio.Task[Any]") -> None:
    """Let the task run until it waits for a lock, or has ended."""
    async with asyncio.timeout(PATIENCE):
        while not task.done() and not await storage.any_waits():
            pass


async def withdraw(begin: BeginWork, product_id: UUID) -> None:
    async with begin() as work:
        await work.products.remove(await work.products.get(product_id))
        await work.commit()


async def change(begin: BeginWork, product_id: UUID, how: Callable[[Synchronisation], object]) -> None:
    async with begin() as work:
        state = await work.synchronisations.get(product_id)
        how(state)
        await work.synchronisations.save(state)
        await work.commit()


async def state_of(begin: BeginWork, product_id: UUID) -> Synchronisation:
    async with begin() as work:
        return await work.synchronisations.get(product_id)


async def pending(begin: BeginWork, due_since: datetime) -> UUID:
    """Add a product that waits for its registration."""
    product = new_product(at=due_since)
    await add(begin, product)
    return product.id


async def scheduled(begin: BeginWork, slot: datetime, not_before: datetime | None = None) -> UUID:
    """Add a registered product whose last observation was due in this slot."""
    product = new_product()
    await add(begin, product)

    def schedule(state: Synchronisation) -> None:
        state.start_observing(not_before or ago(hours=1))
        state.scheduled_at = slot

    await change(begin, product.id, schedule)
    return product.id


async def observe(
    begin: BeginWork, product_id: UUID, observed: ObservedOffers, at: datetime, interval: timedelta = INTERVAL
) -> None:
    async with begin() as work:
        state = await work.synchronisations.get(product_id)
        before = (await work.offers.of([product_id])).get(product_id, ())
        observation = state.observe(before, observed, at, interval)
        await work.offers.record([observation])
        await work.events.append(*in_order([observation], await evaluate_alerts(work, [observation])))
        await work.synchronisations.save(state)
        await work.commit()


async def _rows(engine: AsyncEngine, history: Table, product_id: UUID) -> Sequence[Row[Any]]:
    async with engine.connect() as connection:
        found = select(history).where(history.c.product_id == product_id).order_by(history.c.valid_from)
        return (await connection.execute(found)).all()
