"""Webhooks on PostgreSQL: two workers at once, the cost of asking, and the upkeep of the delivery log."""

import asyncio
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.unit_of_work import BeginSqlAlchemyWork
from adapters.postgres.webhooks.due_webhooks import PostgresDueWebhooks
from adapters.postgres.webhooks.webhook_reader import SqlAlchemyWebhookReader
from adapters.postgres.webhooks.webhook_upkeep import DAYS_AHEAD, SqlAlchemyWebhookUpkeep
from adapters.webhooks.secret_seal import AesGcmSecretSeal
from application.events.event_log import Position
from application.webhooks.attempts import AttemptOutcome, Delivery, WaitingEvent
from application.webhooks.secrets import new_secret
from application.webhooks.webhook import Webhook
from domain.event import webhook_disabled
from domain.prices.retention import Retention
from factories import some_id
from storages.storage import ago
from waiting import PATIENCE

LEASE = timedelta(seconds=30)
PARTITIONS = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'webhook_delivery'::regclass")


async def add(engine: AsyncEngine, *, waits: bool = True, secret: bytes = b"sealed") -> Webhook:
    webhook = Webhook(
        some_id(), "https://shop.example/", "", None, None, ago(), secret=secret, position=Position(1, 0, 0)
    )
    async with BeginSqlAlchemyWork(engine, Retention())() as work:
        await work.webhooks.add(webhook)
        if waits:
            await work.webhooks.wait(webhook.id, WaitingEvent("1-1-1", "price.changed", b"{}", 1, ago(seconds=1)))
        await work.commit()
    return webhook


async def test_of_many_workers_one_gets_a_webhook(database: AsyncEngine) -> None:
    webhooks = {(await add(database)).id for _ in range(5)}
    due = PostgresDueWebhooks(database)
    claims = await asyncio.gather(*(due.claim(LEASE, 3) for _ in range(8)))
    claims += [await due.claim(LEASE, 3)]
    claimed = [claim.webhook.id for each in claims for claim in each]
    assert sorted(claimed) == sorted(webhooks)


async def test_a_webhook_that_an_admin_edits_is_left_out_and_waits_for_nobody(database: AsyncEngine) -> None:
    edited, other = await add(database), await add(database)
    async with BeginSqlAlchemyWork(database, Retention())() as work:
        await work.webhooks.get(edited.id)
        (claim,) = await PostgresDueWebhooks(database).claim(LEASE, 10)
    assert claim.webhook.id == other.id


async def test_an_event_of_an_open_transaction_makes_nothing_due(database: AsyncEngine) -> None:
    await add(database, waits=False)
    due = PostgresDueWebhooks(database)
    async with BeginSqlAlchemyWork(database, Retention())() as late:
        await late.events.append(webhook_disabled(uuid4(), "", "", ago()))
        assert await due.claim(LEASE, 10) == []
        await late.commit()
    async with asyncio.timeout(PATIENCE):
        while not await due.claim(LEASE, 10):
            await asyncio.sleep(0)


async def test_asking_writes_nothing_and_does_not_look_at_the_log_without_a_webhook(database: AsyncEngine) -> None:
    """Without an enabled webhook the part of the plan that looks for the log's end is never executed."""
    claim = text("""
        EXPLAIN (ANALYZE, COSTS OFF, FORMAT TEXT)
        SELECT id FROM webhook WHERE enabled AND (generation, transaction, number) < (
            SELECT event.generation, event.transaction, event.number FROM event
            ORDER BY event.generation DESC, event.transaction DESC, event.number DESC LIMIT 1
        )
    """)
    async with database.connect() as connection:
        before = (await connection.execute(text("SELECT pg_current_xact_id_if_assigned() IS NULL"))).scalar_one()
        plan = "\n".join((await connection.execute(claim)).scalars())
    assert before
    assert plan.count("never executed") > 0


async def test_the_age_of_what_was_not_tried_is_shown(database: AsyncEngine) -> None:
    await add(database, waits=False)
    async with BeginSqlAlchemyWork(database, Retention())() as work:
        await work.events.append(webhook_disabled(uuid4(), "", "", ago()))
        await work.commit()
    reader = SqlAlchemyWebhookReader(database)
    first = (await reader.summary()).behind
    assert timedelta(0) < first < (await reader.summary()).behind
    async with database.begin() as connection:
        await connection.execute(text("UPDATE webhook SET enabled = false"))
    assert (await reader.summary()).behind == timedelta(0)


async def test_days_of_the_delivery_log_are_made_ahead_and_dropped_as_a_whole(database: AsyncEngine) -> None:
    upkeep = SqlAlchemyWebhookUpkeep(database, timedelta(days=7))
    await upkeep.prepare()
    async with database.begin() as connection:
        old = (await connection.execute(text("SELECT (now() AT TIME ZONE 'UTC')::date - 9"))).scalar_one()
        bounds = f"FROM ('{old} 00:00+00') TO ('{old + timedelta(days=1)} 00:00+00')"
        name = f"webhook_delivery_{old:%Y%m%d}"
        await connection.execute(text(f"CREATE TABLE {name} PARTITION OF webhook_delivery FOR VALUES {bounds}"))
    webhook = await add(database)
    entries = [
        Delivery("1-1-1", "price.changed", at, 1, AttemptOutcome.FAILED, None, "timeout", "", 15_000, None)
        for at in (ago(hours=9 * 24), ago())
    ]
    async with BeginSqlAlchemyWork(database, Retention())() as work:
        await work.webhooks.log(webhook.id, *entries)
        await work.commit()
    assert await upkeep.drop_expired() == 1
    found, _ = await SqlAlchemyWebhookReader(database).deliveries(webhook.id, None, 10)
    assert found == entries[1:]
    async with database.connect() as connection:
        assert len((await connection.execute(PARTITIONS)).all()) == DAYS_AHEAD + 2


async def test_a_stored_secret_is_unreadable_without_the_key_and_under_another_webhook(database: AsyncEngine) -> None:
    seal, secret, webhook_id = AesGcmSecretSeal("refresh token"), new_secret(), some_id()
    sealed = seal.close(webhook_id, secret)
    await add(database, secret=sealed)
    async with database.connect() as connection:
        stored = (await connection.execute(text("SELECT secret FROM webhook"))).scalar_one()
    assert secret.removeprefix("whsec_").encode() not in stored
    assert AesGcmSecretSeal("refresh token").open(webhook_id, stored) == secret
    assert AesGcmSecretSeal("another token").open(webhook_id, stored) is None
    assert seal.open(some_id(), stored) is None
    assert seal.open(webhook_id, stored[:5]) is None
    assert sealed != seal.close(webhook_id, secret)
