"""Alerts beside the worker's observations, and their states afterwards."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from application.access.actor import OPERATOR
from application.alerts import closing
from application.alerts.closing import close_alert
from application.alerts.management import AmendAlert, CreateAlert, DeleteAlert
from application.alerts.repositories import WatchChange
from application.alerts.upkeep import TidyAlerts
from application.storage import StorageUnavailable
from domain.alerts.alert import Alert, AlertState, Phase
from domain.alerts.condition import ConditionKind, PriceExtreme, PriceThreshold
from domain.event import EventType
from domain.offer import Offer
from factories import some_id
from fakes.alerts import InMemoryAlertUpkeep
from fakes.offers_gateway import observed
from fakes.synchronisation import INTERVAL, Synchronising
from story.workers_storage import WorkersStorage

NOTHING = timedelta(0)
BELOW = PriceThreshold(ConditionKind.PRICE_BELOW, 900)
OFFER = some_id()


def told(world: Synchronising) -> list[tuple[EventType, UUID | None]]:
    kinds = (EventType.PRICE_CHANGED, EventType.ALERT_FIRING, EventType.ALERT_RESOLVED)
    return [(each.type, each.subject) for each in world.storage.rows.events if each.type in kinds]


async def alert_of(world: Synchronising, *product_ids: UUID, hold: timedelta = NOTHING) -> Alert:
    create = CreateAlert(world.storage.begin)
    return await create(
        name="Cheap", product_ids=product_ids or None, when=BELOW, hold=hold, cooldown=NOTHING, actor=OPERATOR
    )


async def show(world: Synchronising, price: int, *product_ids: UUID) -> None:
    for id in product_ids:
        world.upstream.offers[id] = observed(Offer(OFFER, price, 1))
    await world.refresh()
    world.next_slot()


async def test_an_alert_fires_behind_the_price_that_it_watches(world: Synchronising) -> None:
    id, other = await world.watched(Offer(OFFER, 1_000, 1)), await world.watched(Offer(OFFER, 1_000, 1))
    await alert_of(world, id)
    before = len(told(world))
    await show(world, 899, id, other)
    await show(world, 901, id)
    of_product = [kind for kind, subject in told(world)[before:] if subject == id]
    assert of_product == [
        EventType.PRICE_CHANGED,
        EventType.ALERT_FIRING,
        EventType.PRICE_CHANGED,
        EventType.ALERT_RESOLVED,
    ]
    assert [kind for kind, subject in told(world)[before:] if subject == other] == [EventType.PRICE_CHANGED]


async def test_what_was_due_before_the_price_rose_again_is_told_before_that(world: Synchronising) -> None:
    id = await world.watched(Offer(OFFER, 1_000, 1))
    await alert_of(world, id, hold=INTERVAL / 2)
    before = len(told(world))
    await show(world, 899, id)
    await show(world, 901, id)
    events = [each for each in world.storage.rows.events if each.subject == id][-4:]
    assert [kind for kind, _ in told(world)[before:]] == [
        EventType.PRICE_CHANGED,
        EventType.ALERT_FIRING,
        EventType.PRICE_CHANGED,
        EventType.ALERT_RESOLVED,
    ]
    times = [msgspec.json.decode(each.json)["time"] for each in events]
    assert times == sorted(times)


@pytest.mark.parametrize("stores", [False, True], ids=["nothing stored", "all stored"])
async def test_fault_50_an_observation_whose_commit_fails_fires_once_all_the_same(
    world: Synchronising, *, stores: bool
) -> None:
    id = await world.watched(Offer(OFFER, 1_000, 1))
    alert = await alert_of(world)
    workers = WorkersStorage(world.storage)
    world.refresh = replace(world.refresh, begin=workers.begin)
    world.upstream.offers[id] = observed(Offer(OFFER, 899, 1))
    workers.fail(1, stores_all_the_same=stores)
    with pytest.raises(StorageUnavailable):
        await world.refresh()
    fired = [kind for kind, _ in told(world)].count(EventType.ALERT_FIRING)
    assert fired == stores
    for _ in range(5):
        world.next_slot()
        await world.refresh()
    assert [kind for kind, _ in told(world)].count(EventType.ALERT_FIRING) == 1
    assert len(world.storage.rows.alerts.transitions) == 1
    assert world.storage.rows.alerts.states[id, alert.id].phase is Phase.FIRING


@pytest.mark.parametrize("end", ["disabled", "deleted"])
async def test_what_is_too_much_for_a_request_the_housekeeping_ends(
    world: Synchronising, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(closing, "CLOSED_AT_ONCE", 2)
    ids = [await world.watched(Offer(OFFER, 1_000, 1)) for _ in range(5)]
    alert = await alert_of(world)
    await show(world, 899, *ids)
    begin = world.storage.begin
    if end == "deleted":
        await DeleteAlert(begin, close_alert)(alert.id, actor=OPERATOR)
    else:
        await AmendAlert(begin, close_alert)(alert.id, enabled=False, actor=OPERATOR)
    assert len(world.storage.rows.alerts.states) == 3
    tidy = TidyAlerts(begin, InMemoryAlertUpkeep(world.storage))
    while await tidy(10):
        pass
    rows = world.storage.rows.alerts
    assert (rows.states, rows.removed) == ({}, {})
    resolved = [subject for kind, subject in told(world) if kind is EventType.ALERT_RESOLVED]
    assert sorted(map(str, resolved)) == sorted(map(str, ids))
    reasons = {each.reason for _, _, each in rows.transitions if each.reason}
    assert reasons == {f"alert-{end}"}


async def test_a_low_that_stood_before_the_alert_is_no_new_one(world: Synchronising) -> None:
    id = await world.watched(Offer(OFFER, 1_000, 1))
    await show(world, 800, id)
    low = PriceExtreme(ConditionKind.NEW_LOW, 2 * INTERVAL)
    create = CreateAlert(world.storage.begin)
    await create(name="Low", product_ids=[id], when=low, hold=NOTHING, cooldown=NOTHING, actor=OPERATOR)
    await show(world, 800, id)
    assert EventType.ALERT_FIRING not in [kind for kind, _ in told(world)]
    await show(world, 799, id)
    await show(world, 799, id)
    assert [kind for kind, _ in told(world)].count(EventType.ALERT_FIRING) == 1


async def test_a_new_name_costs_no_observation_and_a_new_rule_takes_none_by_the_old_one(
    world: Synchronising,
) -> None:
    id = await world.watched(Offer(OFFER, 1_000, 1))
    alert = await alert_of(world, id)
    amend = AmendAlert(world.storage.begin, close_alert)
    async with world.storage.begin() as work:
        (watch,) = await work.alert_states.watching([id])
    change = WatchChange(watch, AlertState(Phase.PENDING, alert.created_at, alert.created_at + INTERVAL), ())
    for edit, counts in (({"name": "Dear"}, True), ({"hold": INTERVAL}, False)):
        await amend(alert.id, **edit, actor=OPERATOR)
        async with world.storage.begin() as work:
            assert await work.alert_states.store([change]) == ([change] if counts else [])


async def test_a_lower_price_that_ended_where_the_period_begins_does_not_count(world: Synchronising) -> None:
    id = await world.watched(Offer(OFFER, 700, 1))
    low = PriceExtreme(ConditionKind.NEW_LOW, 2 * INTERVAL)
    create = CreateAlert(world.storage.begin)
    await create(name="Low", product_ids=[id], when=low, hold=NOTHING, cooldown=NOTHING, actor=OPERATOR)
    await show(world, 1_000, id)
    await show(world, 1_000, id)
    await show(world, 900, id)
    assert [kind for kind, _ in told(world)].count(EventType.ALERT_FIRING) == 1
