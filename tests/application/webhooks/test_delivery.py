"""Rounds of deliveries, against a receiver that follows a script and a clock that a test turns."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from application.access.actor import OPERATOR
from application.events.event_log import EventPage, EventsExpired, Position
from application.storage import StorageUnavailable
from application.webhooks.attempts import RETRIES, AttemptOutcome, ReceiverAnswer
from application.webhooks.delivery import SEALED_OTHERWISE, DeliveryTiming
from application.webhooks.management import AmendWebhook, DeleteWebhook, RotateSecret, WebhookChange
from application.webhooks.on_demand import PingWebhook, ReplayEvents
from application.webhooks.ports import Message
from application.webhooks.webhook import GIVEN_UP_AFTER
from domain.event import EventType
from factories import some_id
from fakes.event_readers import InMemoryEventReader
from fakes.storage import NOON
from webhooks.world import ANYWHERE, OK, TIMING, URL, PlainSeal, World

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BROKEN, GONE = ReceiverAnswer(500, "HTTP 500", "no"), ReceiverAnswer(410, "HTTP 410")


@pytest.fixture
def world() -> World:
    return World()


async def test_events_are_sent_once_in_the_order_of_the_log_and_signed(world: World) -> None:
    await world.append()
    webhook_id = await world.create()
    ids = await world.append() + await world.append(EventType.PRODUCT_CREATED)
    assert await world.work() == ids
    assert await world.work() == []
    message = world.sent[0]
    stored = world.storage.rows.webhooks.webhooks[webhook_id].webhook.secret
    assert (message.url, message.at, message.secrets) == (URL, NOON, [PlainSeal().open(webhook_id, stored)])
    assert message.body == world.storage.rows.events[1].json
    assert await world.log() == [(id, AttemptOutcome.DELIVERED, 200) for id in ids]
    assert (await world.webhook()).position == await world.events.latest()


async def test_a_webhook_gets_what_it_has_chosen(world: World) -> None:
    product_id = some_id()
    await world.create(types={EventType.PRICE_CHANGED}, product_ids={product_id})
    await world.append(EventType.PRICE_CHANGED, EventType.PRODUCT_CREATED)
    [wanted] = await world.append(subject=product_id)
    await world.append(EventType.PRODUCT_CREATED, subject=product_id)
    assert await world.work() == [wanted]


async def test_by_default_it_gets_public_events_alone(world: World) -> None:
    await world.create()
    await world.append(EventType.ALERT_FIRING, EventType.WEBHOOK_DISABLED)
    assert await world.work() == []


async def test_fault_34_a_receiver_that_is_down_for_hours_gets_all_it_missed(world: World) -> None:
    await world.create()
    world.answers = lambda _: BROKEN
    missed, timing = list[str](), DeliveryTiming()
    for _ in range(8):
        missed += await world.append()
        await world.work(timing=timing)
        world.clock.advance(HOUR)
    assert await world.log() == sorted((message.event_id, AttemptOutcome.FAILED, 500) for message in world.sent)
    world.answers = lambda _: OK
    world.clock.advance(RETRIES[-1])
    assert sorted(await world.work(timing=timing)) == sorted(missed)
    assert world.storage.rows.webhooks.waiting == {}


async def test_new_events_do_not_wait_behind_those_that_failed(world: World) -> None:
    await world.create()
    world.answers = lambda _: BROKEN
    [missed] = await world.append()
    assert await world.work() == [missed]
    webhook = await world.webhook()
    assert (webhook.failures, webhook.failing_since) == (1, NOON)
    world.answers = lambda _: OK
    [new] = await world.append()
    assert await world.work() == [new]
    assert (await world.webhook()).failures == 0
    world.clock.advance(RETRIES[0])
    assert await world.work() == [missed]
    assert world.storage.rows.webhooks.waiting == {}


async def test_an_event_is_tried_again_on_schedule_and_then_given_up(world: World) -> None:
    await world.create()
    world.answers = lambda _: BROKEN
    [id] = await world.append()
    assert await world.work() == [id]
    for pause in RETRIES:
        world.clock.advance(pause - SECOND)
        assert await world.work() == []
        world.clock.advance(SECOND)
        assert await world.work() == [id]
    assert world.storage.rows.webhooks.waiting == {}
    assert (await world.webhook()).enabled
    found, _ = await world.reader.deliveries((await world.webhook()).id, None, 100)
    assert [each.number for each in found] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert found[0].next_attempt_at is None
    assert found[-1].next_attempt_at == NOON + RETRIES[0]


@pytest.mark.parametrize(("jitter", "share"), [(0.0, 0.8), (1.0, 1.2)])
async def test_pauses_vary_by_a_fifth(world: World, jitter: float, share: float) -> None:
    await world.create()
    world.answers = lambda _: BROKEN
    await world.append()
    await world.work(jitter=jitter)
    [waiting] = world.storage.rows.webhooks.waiting.values()
    assert waiting.next_attempt_at == NOON + share * RETRIES[0]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("retry_after", "pause"), [(90.0, 90 * SECOND), (NOON + 2 * MINUTE, 2 * MINUTE), (1e9, HOUR), (1.0, 5 * SECOND)]
)
async def test_fault_38_retry_after_is_honoured_up_to_an_hour(
    world: World, status: int, retry_after: Any, pause: timedelta
) -> None:
    await world.create()
    world.answers = lambda _: ReceiverAnswer(status, f"HTTP {status}", "", retry_after)
    [id, *others] = await world.append(*[EventType.PRICE_CHANGED] * 3)
    sent = await world.work(timing=DeliveryTiming(calls_each=1))
    assert sent == [id]
    world.answers = lambda _: OK
    wait = min(pause, HOUR) if pause > 5 * SECOND else SECOND
    world.clock.advance(wait - SECOND)
    assert await world.work() == []
    world.clock.advance(SECOND)
    assert sorted(await world.work()) == sorted([*others, *([id] if wait >= pause else [])])


async def test_another_status_has_no_retry_after(world: World) -> None:
    await world.create()
    world.answers = lambda _: ReceiverAnswer(500, "HTTP 500", "", 3_600.0)
    [id] = await world.append()
    await world.work()
    world.clock.advance(RETRIES[0])
    assert await world.work() == [id]


async def test_fault_37_gone_disables_at_once_and_says_so_in_the_log(world: World) -> None:
    webhook_id = await world.create()
    world.answers = lambda _: GONE
    await world.append()
    await world.work()
    webhook = await world.webhook()
    assert (webhook.enabled, webhook.disabled_reason) == (False, "The receiver answered 410 Gone.")
    event = world.storage.rows.events[-1]
    assert (event.type, event.subject) == (EventType.WEBHOOK_DISABLED, None)
    data = msgspec.json.decode(event.json)["data"]
    assert data == {"webhook": {"id": str(webhook_id), "url": URL}, "reason": webhook.disabled_reason}
    assert world.observed.reasons == [webhook.disabled_reason]
    await world.append()
    assert await world.work() == []


async def test_fault_44_five_days_of_failures_alone_disable_and_one_success_prevents_it(world: World) -> None:
    await world.create()
    world.answers = lambda _: BROKEN
    await world.append()
    await world.work()
    world.clock.advance(GIVEN_UP_AFTER - SECOND)
    await world.append()
    world.answers = lambda _: OK
    await world.work()
    world.answers = lambda _: BROKEN
    await world.append()
    await world.work()
    world.clock.advance(GIVEN_UP_AFTER - SECOND)
    await world.append()
    await world.work()
    assert (await world.webhook()).enabled
    world.clock.advance(SECOND)
    await world.append()
    await world.work()
    assert (await world.webhook()).disabled_reason == "Every attempt has failed for five days."


async def test_an_enabled_webhook_goes_on_where_it_ended(world: World) -> None:
    webhook_id = await world.create()
    world.answers = lambda _: GONE
    [gone] = await world.append()
    await world.work()
    missed = await world.append()
    world.answers = lambda _: OK
    world.clock.advance(MINUTE)
    await AmendWebhook(world.storage.begin, ANYWHERE)(webhook_id, WebhookChange(enabled=True), actor=OPERATOR)
    assert sorted(await world.work()) == sorted([gone, *missed])


async def test_at_most_so_many_calls_go_at_once_and_one_after_a_failure(world: World) -> None:
    await world.create()
    await world.append(*[EventType.PRICE_CHANGED] * 20)
    await world.work(timing=DeliveryTiming())
    assert world.most_at_once == 8
    world.answers = lambda _: BROKEN
    await world.append()
    await world.work()
    world.most_at_once = 0
    await world.append(*[EventType.PRICE_CHANGED] * 3)
    await world.work()
    assert world.most_at_once == 1


async def test_a_round_begins_no_call_after_its_time_and_the_rest_is_sent_in_the_next(world: World) -> None:
    await world.create()
    ids = await world.append(*[EventType.PRICE_CHANGED] * 4)

    def slow(_: Message) -> ReceiverAnswer:
        world.clock.advance(2 * SECOND)
        return OK

    world.answers = slow
    timing = DeliveryTiming(calls_each=1)
    [claim] = await world.claim()
    assert await world.deliver(timing)(claim)
    assert [message.event_id for message in world.sent] == ids[:3]
    [claim] = await world.claim()
    await world.deliver(timing)(claim)
    assert [message.event_id for message in world.sent] == ids


async def test_fault_45_failed_events_are_bounded_and_the_position_waits_at_the_next_one(world: World) -> None:
    await world.create()
    world.answers = lambda _: BROKEN
    ids = await world.append(*[EventType.PRICE_CHANGED] * 8)
    [claim] = await world.claim()
    await world.deliver()(claim)
    sent = await world.work()
    assert len(world.storage.rows.webhooks.waiting) == TIMING.most_waiting
    assert sent == [ids[5]]
    assert (await world.webhook()).position < Position.parse(ids[5])
    world.answers = lambda _: OK
    world.clock.advance(TIMING.probe)
    assert set(await world.work()) >= set(ids[5:])
    world.clock.advance(DAY)
    await world.work()
    assert {message.event_id for message in world.sent} == set(ids)
    assert world.storage.rows.webhooks.waiting == {}


async def test_neither_new_events_nor_failed_ones_wait_behind_the_others(world: World) -> None:
    await world.create()
    world.answers = lambda _: BROKEN
    failed = await world.append(*[EventType.PRICE_CHANGED] * 3)
    await world.work()
    world.clock.advance(MINUTE)
    new = await world.append(*[EventType.PRICE_CHANGED] * 3)
    world.answers = lambda _: OK
    sent = await world.work(timing=DeliveryTiming(calls_each=1))
    assert [id in new for id in sent] == [True, False] * 3
    assert set(sent) == {*failed, *new}


async def test_fault_42_killed_between_call_and_commit_sends_again_with_the_same_id(world: World) -> None:
    await world.create()
    ids = await world.append()
    [claim] = await world.claim()

    def killed(_: Message) -> ReceiverAnswer:
        world.storage.away = True
        return OK

    world.answers = killed
    with pytest.raises(StorageUnavailable):
        await world.deliver()(claim)
    world.storage.away = False
    world.answers = lambda _: OK
    assert await world.work() == []
    world.clock.advance(TIMING.lease)
    assert await world.work() == ids
    assert [message.event_id for message in world.sent] == ids * 2
    assert len({message.body for message in world.sent}) == 1


async def test_a_worker_that_has_lost_its_lease_writes_nothing(world: World) -> None:
    await world.create()
    [id] = await world.append()
    [late] = await world.claim()
    world.clock.advance(TIMING.lease)
    assert await world.work() == [id]
    world.answers = lambda _: GONE
    await world.deliver()(late)
    assert (await world.webhook()).enabled
    assert await world.log() == [(id, AttemptOutcome.DELIVERED, 200)]


async def test_a_webhook_that_is_deleted_in_mid_call_leaves_nothing(world: World) -> None:
    webhook_id = await world.create()
    await world.append()
    [claim] = await world.claim()
    world.barrier, world.answers = asyncio.Event(), lambda _: BROKEN
    running = asyncio.create_task(world.deliver()(claim))
    while not world.sent:
        await asyncio.sleep(0)
    await DeleteWebhook(world.storage.begin)(webhook_id, actor=OPERATOR)
    world.barrier.set()
    await running
    assert world.storage.rows.webhooks.waiting == {}
    assert world.storage.rows.webhooks.deliveries == []


async def test_a_replay_in_mid_call_is_not_lost(world: World) -> None:
    webhook_id = await world.create()
    start = (await world.webhook()).position
    ids = await world.append()
    await world.work()
    ids += await world.append()
    [claim] = await world.claim()
    world.barrier = asyncio.Event()
    running = asyncio.create_task(world.deliver()(claim))
    while len(world.sent) < 2:
        await asyncio.sleep(0)
    replay = ReplayEvents(world.storage.begin, world.events)
    assert await replay(webhook_id, start, actor=OPERATOR) == start
    world.barrier.set()
    await running
    assert await world.work() == ids


async def test_a_replay_sends_everything_since_then_again_and_skips_nothing(world: World) -> None:
    webhook_id = await world.create()
    ids = await world.append() + await world.append()
    await world.work()
    replay = ReplayEvents(world.storage.begin, world.events)
    await replay(webhook_id, Position.parse(ids[0]), actor=OPERATOR)
    assert await world.work() == ids[1:]
    waiting = await world.append()
    await replay(webhook_id, await world.events.latest(), actor=OPERATOR)
    assert await world.work() == waiting


async def test_an_event_that_waits_and_is_replayed_is_tried_once_in_a_round(world: World) -> None:
    webhook_id = await world.create()
    start = (await world.webhook()).position
    world.answers = lambda _: BROKEN
    [id] = await world.append()
    assert await world.work() == [id]
    world.clock.advance(RETRIES[0])
    await ReplayEvents(world.storage.begin, world.events)(webhook_id, start, actor=OPERATOR)
    assert await world.work() == [id]
    [waiting] = world.storage.rows.webhooks.waiting.values()
    assert (waiting.id, waiting.attempts) == (id, 1)
    assert len(await world.log()) == 2


async def test_a_ping_is_sent_at_once_and_once(world: World) -> None:
    webhook_id = await world.create()
    world.answers = lambda _: ReceiverAnswer(429, "HTTP 429", "", 600.0)
    await world.append()
    await world.work()
    ping = PingWebhook(world.storage.begin)
    await ping(webhook_id, actor=OPERATOR)
    id = await ping(webhook_id, actor=OPERATOR)
    world.answers = lambda _: BROKEN
    assert await world.work() == [id]
    body = msgspec.json.decode(world.sent[-1].body)
    assert (body["id"], body["type"], body["data"]) == (id, "webhook.ping", {"webhook": {"id": str(webhook_id)}})
    assert body["time"] == "2026-03-14T12:00:00Z"
    world.clock.advance(DAY)
    assert id not in await world.work()


async def test_for_a_day_after_a_rotation_both_secrets_sign(world: World) -> None:
    webhook_id = await world.create()
    await world.append()
    await world.work()
    rotated = await RotateSecret(world.storage.begin, PlainSeal())(webhook_id, actor=OPERATOR)
    world.clock.advance(DAY - SECOND)
    await world.append()
    await world.work()
    world.clock.advance(SECOND)
    await world.append()
    await world.work()
    before, both, after = (message.secrets for message in world.sent)
    assert both == [rotated.secret, *before]
    assert after == [rotated.secret]


async def test_fault_46_a_secret_that_cannot_be_opened_is_a_failure_that_says_what_to_do(world: World) -> None:
    webhook_id = await world.create()
    async with world.storage.begin() as work:
        webhook = await work.webhooks.get(webhook_id)
        webhook.secret = b"sealed otherwise"
        await work.webhooks.save(webhook)
        await work.commit()
    await world.append()
    await world.work()
    found, _ = await world.reader.deliveries(webhook_id, None, 10)
    assert (world.sent, found[0].error) == ([], SEALED_OTHERWISE)
    await RotateSecret(world.storage.begin, PlainSeal())(webhook_id, actor=OPERATOR)
    world.clock.advance(MINUTE)
    assert len(await world.work()) == 1


async def test_an_expired_position_moves_to_the_oldest_event_and_that_is_noted(world: World) -> None:
    await world.create()
    start = (await world.webhook()).position
    [lost] = await world.append()
    [kept] = await world.append()
    oldest = Position.parse(lost)

    class Shortened(InMemoryEventReader):
        async def read(self, after: Position | None, wanted: Any, limit: int) -> EventPage:
            if after is not None and after < oldest:
                raise EventsExpired(oldest)
            return await super().read(after, wanted, limit)

    assert await world.work(events=Shortened(world.storage)) == [kept]
    assert world.observed.skips == 1
    assert await world.log() == [(start.cursor, AttemptOutcome.SKIPPED, None), (kept, AttemptOutcome.DELIVERED, 200)]


async def test_a_stopping_worker_begins_no_call(world: World) -> None:
    await world.create()
    await world.append()
    [claim] = await world.claim()
    await world.deliver()(claim, lambda: True)
    assert world.sent == []
    assert len(await world.work()) == 1


async def test_fault_43_the_workers_own_clock_is_never_asked(world: World) -> None:
    """The time of an attempt is the storage's at the claim, and so many seconds by a stop-watch."""
    await world.create()
    await world.append(*[EventType.PRICE_CHANGED] * 2)
    world.clock.advance(HOUR)
    [claim] = await world.claim()
    seconds = [1e6]

    def slow(_: Message) -> ReceiverAnswer:
        seconds[0] += 2
        return OK

    world.answers = slow
    deliver = replace(world.deliver(DeliveryTiming(calls_each=1)), now=lambda: seconds[0])
    await deliver(claim)
    assert [message.at for message in world.sent] == [NOON + HOUR, NOON + HOUR + 2 * SECOND]
