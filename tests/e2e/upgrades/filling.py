"""A database with something in every table, put there by the use-cases."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.prices.history_backfill import SqlAlchemyHistoryBackfill
from application.access.actor import OPERATOR, Scope
from application.access.key_management import CreateKey, RecordLogin, RevokeKey
from application.access.login_limits import LoginLimits
from application.alerts.management import CreateAlert
from application.catalogue.editing import AmendProduct
from application.catalogue.idempotency_keys import IdempotentRequest
from application.catalogue.registration import NewProduct, RegisterProducts
from application.housekeeping import KeepHouse
from application.prices.listed_changes import RefreshListedChanges
from application.synchronisation.scheduling import Job, JobQueue
from application.webhooks.delivery import DeliverEvents
from application.webhooks.management import CreateWebhook
from application.webhooks.ports import DueWebhooks
from domain.alerts.condition import ConditionKind, PriceThreshold
from domain.prices.retention import Retention
from domain.window import BucketWidth
from e2e.faults.in_process_worker import InProcessWorker
from entrypoints.development.offers_simulator.product import Offer
from entrypoints.development.seed.history import give_pasts

DAYS = 2
CHEAP, DEAR = (Offer("00000000-0000-4000-8000-00000000000" + digit, 100, 5) for digit in "12")


async def fill(worker: InProcessWorker) -> UUID:
    """Fill the database, and return a product that is registered and observed.

    Its products are waiting, registered, sold out, amended and withdrawn; they have a past in buckets, an offer that is
    gone and a gap. There are keys, used, failed and successful logins, an idempotent request, a waiting job, a firing
    alert, and a webhook whose receiver is not there.
    """
    kettle, lamp, chair = await _created(worker, "Kettle", "Crème brûlée torch", "Chair")
    for product_id in (kettle, lamp, chair):
        worker.dictate(product_id, CHEAP, msgspec.structs.replace(DEAR, price=200))
    await _watch(worker, kettle)
    await worker.submit()
    await worker.refresh()
    await _give_past(worker)
    await _observe_more(worker, kettle, lamp)
    await _manage(worker, chair)
    await _deliver(worker)
    await worker.create("Not registered yet")
    await (await worker.container.get(JobQueue)).put(Job.REFRESH_DUE_PRODUCTS)
    return kettle


async def _created(worker: InProcessWorker, *names: str) -> list[UUID]:
    register = await worker.container.get(RegisterProducts)
    request = IdempotentRequest(b"key", b"content", lambda _: b"[]")
    wanted = [NewProduct(name, "Two batteries, charger, case.") for name in names]
    await register(wanted, idempotency=request, actor=OPERATOR)
    found = dict(worker.query("SELECT name, id FROM product"))
    return [found[name] for name in names]


async def _watch(worker: InProcessWorker, product_id: UUID) -> None:
    when = PriceThreshold(ConditionKind.PRICE_BELOW, 1_000_000)
    create_alert, hour = await worker.container.get(CreateAlert), timedelta(hours=1)
    await create_alert(
        name="Cheap", product_ids=[product_id], when=when, hold=timedelta(0), cooldown=hour, actor=OPERATOR
    )
    await (await worker.container.get(CreateWebhook))(url="http://127.0.0.1:11111/", actor=OPERATOR)


async def _deliver(worker: InProcessWorker) -> None:
    due, deliver = await worker.container.get(DueWebhooks), await worker.container.get(DeliverEvents)
    for claim in await due.claim(timedelta(seconds=45), 1):
        await deliver(claim)


async def _give_past(worker: InProcessWorker) -> None:
    [(seen,)] = worker.query("SELECT min(observed_at) FROM synchronisation")
    assert isinstance(seen, datetime)
    backfill = SqlAlchemyHistoryBackfill(await worker.container.get(AsyncEngine), await worker.container.get(Retention))
    await give_pasts(backfill, DAYS, BucketWidth.DAY.floor(seen))
    await (await worker.container.get(KeepHouse))()
    await (await worker.container.get(RefreshListedChanges))()


async def _observe_more(worker: InProcessWorker, cheaper: UUID, sold_out: UUID) -> None:
    # A row of upstream's answer that cannot be read leaves its offer unconfirmed, and at last unknown.
    for dear in (DEAR, msgspec.structs.replace(DEAR, price=-1)):
        worker.dictate(cheaper, msgspec.structs.replace(CHEAP, price=90), dear)
        worker.dictate(sold_out)
        worker.make_due()
        await worker.refresh()
    worker.execute("UPDATE synchronisation SET known_until = known_until - interval '1 hour' WHERE best_price = 90")
    worker.make_due()
    await worker.refresh()


async def _manage(worker: InProcessWorker, product_id: UUID) -> None:
    get = worker.container.get
    create_key = await get(CreateKey)
    key = (await create_key(name="importer", scopes=[Scope.CATALOGUE_WRITE], actor=OPERATOR)).key
    await create_key(name="reader", scopes=[Scope.AUDIT_READ], actor=OPERATOR)
    await (await get(RevokeKey))(key.id, actor=OPERATOR)
    await (await get(RecordLogin))(OPERATOR)
    await (await get(LoginLimits)).note("admin", "192.0.2.1")
    await (await get(AmendProduct))(product_id, name="Armchair", actor=OPERATOR)
    await worker.withdraw(product_id)
