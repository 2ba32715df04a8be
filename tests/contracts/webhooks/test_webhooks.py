"""Webhooks: what the ports promise, on the fake and on PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from application.events.event_log import Position
from application.webhooks.attempts import AttemptOutcome, Delivery, WaitingEvent
from application.webhooks.ports import DeliveryClaim
from application.webhooks.webhook import Webhook
from domain.errors import WebhookNotFound
from domain.event import EventType, webhook_disabled
from factories import some_id
from storages.storage import HOUR, Storage, ago

LEASE = timedelta(seconds=30)
BEGINNING = Position(1, 0, 0)


def new_webhook(*, at: datetime | None = None, position: Position = BEGINNING) -> Webhook:
    return Webhook(
        id=some_id(),
        url="https://shop.example/hooks",
        description="Shop window",
        types=frozenset({EventType.PRICE_CHANGED, EventType.PRODUCT_CREATED}),
        product_ids=frozenset({some_id(), some_id()}),
        created_at=at or ago(hours=1),
        secret=b"sealed",
        position=position,
        previous_secret=b"before",
        previous_until=ago(hours=-1),
        failures=3,
        failing_since=ago(hours=2),
        not_before=ago(seconds=1),
    )


def waiting(id: str, next_attempt_at: datetime, *, kind: str = "price.changed") -> WaitingEvent:
    return WaitingEvent(id, kind, b"{}", 1, next_attempt_at)


def delivery(event_id: str, at: datetime, outcome: AttemptOutcome = AttemptOutcome.DELIVERED) -> Delivery:
    return Delivery(event_id, "price.changed", at, 1, outcome, 200, None, "ok", 12, None)


async def add(storage: Storage, *webhooks: Webhook) -> None:
    async with storage.begin() as work:
        for webhook in webhooks:
            await work.webhooks.add(webhook)
        await work.commit()


async def wait(storage: Storage, webhook: Webhook, *events: WaitingEvent) -> None:
    async with storage.begin() as work:
        await work.webhooks.wait(webhook.id, *events)
        await work.commit()


async def log(storage: Storage, webhook: Webhook, *deliveries: Delivery) -> None:
    async with storage.begin() as work:
        await work.webhooks.log(webhook.id, *deliveries)
        await work.commit()


async def append_event(storage: Storage) -> None:
    async with storage.begin() as work:
        await work.events.append(webhook_disabled(some_id(), "", "", ago()))
        await work.commit()


async def claimed(storage: Storage, at_most: int = 10, lease: timedelta = LEASE) -> Sequence[DeliveryClaim]:
    """DeliveryClaim once something is due: events may be withheld by other transactions of the server for a moment."""
    while not (claims := await storage.due_webhooks.claim(lease, at_most)):
        pass
    return claims


async def release(storage: Storage, claim: DeliveryClaim) -> None:
    async with storage.begin() as work:
        webhook = await work.webhooks.hold(claim.lease_id, claim.webhook.id)
        assert webhook is not None
        await work.webhooks.release(webhook)
        await work.commit()


async def test_a_webhook_comes_back_as_it_was_stored(storage: Storage) -> None:
    webhook = new_webhook()
    await add(storage, webhook)
    async with storage.begin() as work:
        assert await work.webhooks.get(webhook.id) == webhook
        assert await work.webhooks.count() == 1
    assert (await storage.webhooks.get(webhook.id)).webhook == webhook


async def test_changes_are_stored_with_the_commit_alone(storage: Storage) -> None:
    webhook = new_webhook()
    await add(storage, webhook)
    for commits in (False, True):
        async with storage.begin() as work:
            found = await work.webhooks.get(webhook.id)
            found.types = found.product_ids = None
            found.disable("over")
            await work.webhooks.save(found)
            if commits:
                await work.commit()
        assert ((await storage.webhooks.get(webhook.id)).webhook == found) == commits


async def test_there_is_no_other_webhook(storage: Storage) -> None:
    missing = some_id()
    async with storage.begin() as work:
        with pytest.raises(WebhookNotFound):
            await work.webhooks.get(missing)
        assert await work.webhooks.hold(some_id(), missing) is None
    with pytest.raises(WebhookNotFound):
        await storage.webhooks.get(missing)
    with pytest.raises(WebhookNotFound):
        await storage.webhooks.deliveries(missing, None, 10)


async def test_the_list_has_the_oldest_first_with_what_waits(storage: Storage) -> None:
    new, old = new_webhook(at=ago(hours=1)), new_webhook(at=ago(hours=2))
    await add(storage, new, old)
    first, second = ago(hours=-1), ago(hours=-2)
    await wait(storage, new, waiting("1-1-2", second), waiting("1-1-1", first))
    found = await storage.webhooks.list()
    assert [(each.webhook, each.waiting, each.next_attempt_at) for each in found] == [(old, 0, None), (new, 2, first)]


async def test_a_removed_webhook_takes_with_it_what_waits(storage: Storage) -> None:
    webhook, other = new_webhook(), new_webhook()
    await add(storage, webhook, other)
    for each in (webhook, other):
        await wait(storage, each, waiting("1-1-1", ago()))
    async with storage.begin() as work:
        await work.webhooks.remove(await work.webhooks.get(webhook.id))
        await work.commit()
    assert [each.webhook.id for each in await storage.webhooks.list()] == [other.id]
    assert await storage.due_webhooks.due_events(webhook.id, 10) == []
    assert len(await storage.due_webhooks.due_events(other.id, 10)) == 1


async def test_an_event_waits_once_and_until_it_is_settled(storage: Storage) -> None:
    webhook = new_webhook()
    await add(storage, webhook)
    later, first = waiting("1-1-1", ago(seconds=5)), waiting("1-1-2", ago(seconds=9))
    ping = waiting("ping-1", ago(seconds=7), kind="webhook.ping")
    await wait(storage, webhook, waiting("1-1-1", ago(seconds=20)), first, ping, waiting("1-1-3", ago(hours=-1)))
    again = WaitingEvent(later.id, later.type, later.body, 2, later.next_attempt_at)
    await wait(storage, webhook, again)
    assert await storage.due_webhooks.due_events(webhook.id, 10) == [first, ping, again]
    assert await storage.due_webhooks.due_events(webhook.id, 1) == [first]
    async with storage.begin() as work:
        await work.webhooks.settle(webhook.id, [first.id, "1-9-9"])
        await work.webhooks.forget_pings(webhook.id)
        await work.commit()
    assert await storage.due_webhooks.due_events(webhook.id, 10) == [again]


async def test_a_webhook_is_due_when_an_event_waits_for_its_next_attempt(storage: Storage) -> None:
    webhook = new_webhook()
    await add(storage, webhook)
    await wait(storage, webhook, waiting("1-1-1", ago(hours=-1)))
    assert await storage.due_webhooks.claim(LEASE, 10) == []
    await wait(storage, webhook, waiting("1-1-2", ago()))
    (claim,) = await storage.due_webhooks.claim(LEASE, 10)
    assert (claim.webhook, claim.waiting) == (webhook, 2)
    assert abs(claim.at - ago()) < HOUR


async def test_a_webhook_is_due_when_events_are_behind_its_position(storage: Storage) -> None:
    await append_event(storage)
    end = (await settled_end(storage)).position
    behind, done = new_webhook(), new_webhook(position=end)
    await add(storage, behind, done)
    assert [claim.webhook for claim in await claimed(storage)] == [behind]


async def settled_end(storage: Storage) -> Webhook:
    """Return a webhook at the end of the log, once nothing is withheld there."""
    probe = new_webhook()
    await add(storage, probe)
    await claimed(storage)
    async with storage.begin() as work:
        await work.webhooks.remove(await work.webhooks.get(probe.id))
        await work.commit()
    probe.position = await storage.events.latest()
    return probe


async def test_no_webhook_is_claimed_twice_before_its_lease_ends_or_is_released(storage: Storage) -> None:
    webhook = new_webhook()
    await add(storage, webhook)
    await wait(storage, webhook, waiting("1-1-1", ago()))
    (claim,) = await storage.due_webhooks.claim(LEASE, 10)
    assert await storage.due_webhooks.claim(LEASE, 10) == []
    await release(storage, claim)
    (over,) = await storage.due_webhooks.claim(timedelta(0), 10)
    (newest,) = await storage.due_webhooks.claim(LEASE, 10)
    async with storage.begin() as work:
        assert await work.webhooks.hold(over.lease_id, webhook.id) is None
        assert await work.webhooks.hold(newest.lease_id, webhook.id) == webhook


async def test_a_lease_from_before_the_clock_was_set_back_has_ended(storage: Storage) -> None:
    webhook = new_webhook()
    await add(storage, webhook)
    await wait(storage, webhook, waiting("1-1-1", ago()))
    await storage.due_webhooks.claim(24 * HOUR, 10)
    assert len(await storage.due_webhooks.claim(LEASE, 10)) == 1


@pytest.mark.parametrize(("hours", "due"), [(0.5, False), (24, True), (-0.5, True)])
async def test_a_webhook_is_left_alone_until_its_time(storage: Storage, hours: float, due: bool) -> None:
    webhook = new_webhook()
    webhook.not_before = ago(hours=-hours)
    await add(storage, webhook)
    await wait(storage, webhook, waiting("1-1-1", ago()))
    assert (len(await storage.due_webhooks.claim(LEASE, 10)) == 1) == due


async def test_a_disabled_webhook_is_never_due(storage: Storage) -> None:
    webhook = new_webhook()
    webhook.disable("over")
    await add(storage, webhook)
    await wait(storage, webhook, waiting("1-1-1", ago()))
    assert await storage.due_webhooks.claim(LEASE, 10) == []


async def test_the_webhook_that_was_served_longest_ago_comes_first(storage: Storage) -> None:
    webhooks = [new_webhook() for _ in range(3)]
    await add(storage, *webhooks)
    for each in webhooks:
        await wait(storage, each, waiting("1-1-1", ago()))
    order = []
    for _ in range(3):
        (claim,) = await storage.due_webhooks.claim(LEASE, 1)
        order.append(claim.webhook.id)
        await release(storage, claim)
    assert len(set(order)) == 3
    (again,) = await storage.due_webhooks.claim(LEASE, 1)
    assert again.webhook.id == order[0]


async def test_deliveries_are_paged_newest_first(storage: Storage) -> None:
    webhook, other = new_webhook(), new_webhook()
    await add(storage, webhook, other)
    made = [delivery(f"1-1-{n}", ago(seconds=10 - n), AttemptOutcome(("delivered", "failed")[n % 2])) for n in range(5)]
    await log(storage, webhook, *made)
    await log(storage, other, delivery("1-2-1", ago()))
    found, position = await storage.webhooks.deliveries(webhook.id, None, 3)
    assert found == made[:1:-1]
    rest, end = await storage.webhooks.deliveries(webhook.id, None, 3, position)
    assert (rest, end) == (made[1::-1], None)
    failed, end = await storage.webhooks.deliveries(webhook.id, AttemptOutcome.FAILED, 2)
    assert (failed, end) == ([made[3], made[1]], None)


async def test_all_are_counted(storage: Storage) -> None:
    healthy, failing, given_up, disabled = webhooks = [
        new_webhook(position=await storage.events.latest()) for _ in "four"
    ]
    healthy.failures = 0
    given_up.disable("gone")
    disabled.disable("Disabled by its owner.")
    await add(storage, *webhooks)
    await wait(storage, failing, waiting("1-1-1", ago()))
    found = await storage.webhooks.summary()
    counts = (found.enabled, found.disabled, found.given_up, found.failing, found.waiting)
    assert counts == (2, 2, 1, 1, 1)
    assert found.behind == timedelta(0)
