"""The ports of alerts and of their states by product, on the fake and on PostgreSQL."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from application.alerts.reading import ListedAlert
from application.alerts.repositories import ProductWindow, Watch, WatchChange, WindowPrices
from domain.alerts.alert import (
    INITIAL,
    Alert,
    AlertState,
    Phase,
    ResolvedBy,
    Rule,
    Transition,
    TransitionKind,
)
from domain.alerts.condition import Condition, ConditionKind, PriceExtreme, PriceMove, PriceThreshold, Stock
from domain.errors import AlertNotFound
from domain.offer import Offer
from domain.prices.price import PriceState, PriceStep
from domain.window import BucketWidth, Window
from factories import some_id
from fakes.offers_gateway import observed
from storages.storage import Storage, add, ago, new_product, observe, waits_or_ends

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOTHING = timedelta(0)
BELOW = PriceThreshold(ConditionKind.PRICE_BELOW, 2**63 - 1)
AT = ago(hours=1)
FIRING = AlertState(Phase.FIRING, AT, None, AT + HOUR, suppressed=True)
PENDING = AlertState(Phase.PENDING, AT, AT + HOUR)
FIRED = Transition(TransitionKind.FIRING, AT, AT, 5, 2**63 - 1, suppressed=False)
CONDITIONS: tuple[Condition, ...] = (
    BELOW,
    PriceThreshold(ConditionKind.PRICE_ABOVE, 7, 5),
    PriceMove(ConditionKind.DROP, Decimal("12.50"), 7 * DAY),
    PriceMove(ConditionKind.RISE, Decimal(3), MINUTE),
    PriceExtreme(ConditionKind.NEW_LOW, 30 * DAY),
    PriceExtreme(ConditionKind.NEW_HIGH, timedelta(seconds=90)),
    Stock(ConditionKind.OUT_OF_STOCK),
    Stock(ConditionKind.IN_STOCK),
)


def new_alert(*product_ids: UUID, at: datetime = AT, when: Condition = BELOW, id: UUID | None = None) -> Alert:
    rule = Rule(when, 10 * MINUTE, 6 * HOUR, at)
    return Alert(id or some_id(), "Cheap", tuple(sorted(product_ids)) or None, rule, True, at, at)


async def stored(storage: Storage, *alerts: Alert) -> None:
    async with storage.begin() as work:
        for each in alerts:
            await work.alerts.add(each)
        await work.commit()


async def watching(storage: Storage, *product_ids: UUID) -> Sequence[Watch]:
    async with storage.begin() as work:
        return await work.alert_states.watching(product_ids)


async def stand(storage: Storage, state: AlertState, *transitions: Transition, of: Watch) -> Sequence[WatchChange]:
    async with storage.begin() as work:
        kept = await work.alert_states.store([WatchChange(of, state, transitions)])
        await work.commit()
        return kept


async def test_every_field_of_an_alert_is_kept(storage: Storage) -> None:
    alerts = [
        replace(new_alert(some_id(), at=AT + number * MINUTE, when=when), enabled=bool(number % 2), revision=number)
        for number, when in enumerate(CONDITIONS)
    ]
    await stored(storage, *alerts)
    assert await storage.alerts.list(10) == alerts[::-1]
    assert await storage.alerts.list(2) == alerts[:-3:-1]
    async with storage.begin() as work:
        assert [await work.alerts.get(each.id) for each in alerts] == alerts
        assert await work.alerts.count() == (len(alerts), 0)


async def test_a_saved_alert_is_another_one_and_a_removed_one_is_gone(storage: Storage) -> None:
    alert, other = new_alert(some_id(), some_id()), new_alert()
    await stored(storage, alert, other)
    edited = replace(alert, name="Very cheap", rule=replace(alert.rule, when=CONDITIONS[2]), revision=2)
    async with storage.begin() as work:
        await work.alerts.get(alert.id)
        await work.alerts.save(edited)
        await work.commit()
    async with storage.begin() as work:
        assert await work.alerts.get(alert.id) == edited
        await work.alerts.get(other.id)
        await work.alerts.remove(other.id)
        await work.commit()
    async with storage.begin() as work:
        assert await work.alerts.count() == (1, 0)
        with pytest.raises(AlertNotFound):
            await work.alerts.get(other.id)
    with pytest.raises(AlertNotFound):
        await storage.alerts.detail(other.id, 1, 1)
    assert await storage.alerts.list(10) == [edited]


async def test_a_product_is_watched_by_the_enabled_alerts_that_name_it_and_those_for_all(storage: Storage) -> None:
    one, two, three = sorted(some_id() for _ in range(3))
    named, of_all = new_alert(one, two), new_alert(at=AT + MINUTE)
    disabled = replace(new_alert(at=AT + HOUR), enabled=False)
    await stored(storage, named, of_all, disabled, replace(new_alert(one), enabled=False))
    found = await watching(storage, three, two)
    assert found == [
        Watch(named.id, "Cheap", 1, named.rule, two, INITIAL),
        Watch(of_all.id, "Cheap", 1, of_all.rule, two, INITIAL),
        Watch(of_all.id, "Cheap", 1, of_all.rule, three, INITIAL),
    ]
    for state in (FIRING, PENDING):
        await stand(storage, state, of=found[0])
        assert [each.state for each in await watching(storage, two)] == [state, INITIAL]
    assert [each.state for each in await watching(storage, one)] == [INITIAL, INITIAL]


async def test_fault_47_changes_of_an_alert_that_was_edited_meanwhile_do_not_count(storage: Storage) -> None:
    id = some_id()
    alert = new_alert(id)
    await stored(storage, alert)
    (watch,) = await watching(storage, id)
    async with storage.begin() as work:
        await work.alerts.save(replace(await work.alerts.get(alert.id), revision=2))
        await work.commit()
    assert await stand(storage, FIRING, FIRED, of=watch) == []
    assert (await storage.alerts.detail(alert.id, 1, 1)).transitions == []
    (watch,) = await watching(storage, id)
    assert len(await stand(storage, FIRING, FIRED, of=watch)) == 1
    async with storage.begin() as work:
        await work.alerts.get(alert.id)
        await work.alerts.remove(alert.id)
        await work.commit()
    assert await stand(storage, INITIAL, of=replace(watch, revision=2)) == []


async def test_an_alert_is_not_edited_while_its_changes_are_stored(storage: Storage) -> None:
    id = some_id()
    alert = new_alert(id)
    await stored(storage, alert)
    (watch,) = await watching(storage, id)

    async def disable() -> Sequence[Watch]:
        async with storage.begin() as work:
            await work.alerts.save(replace(await work.alerts.get(alert.id), enabled=False, revision=2))
            taken = await work.alert_states.take_of_alert(alert.id, 10)
            await work.commit()
            return taken

    async with storage.begin() as work:
        await work.alert_states.store([WatchChange(watch, FIRING, (FIRED,))])
        disabling = asyncio.create_task(disable())
        await waits_or_ends(storage, disabling)
        await work.commit()
    assert [each.state for each in await disabling] == [FIRING]


async def test_transitions_and_states_are_shown(storage: Storage) -> None:
    ids = sorted(some_id() for _ in range(3))
    alert = new_alert(*ids)
    await stored(storage, alert, new_alert(ids[0]))
    watches = [each for each in await watching(storage, *ids) if each.alert_id == alert.id]
    resolved = Transition(
        TransitionKind.RESOLVED, AT + HOUR, AT, Decimal("-10.50"), None, suppressed=True, reason=ResolvedBy.CONDITION
    )
    await stand(storage, PENDING, of=watches[0])
    await stand(storage, AlertState(quiet_until=AT), FIRED, resolved, of=watches[1])
    await stand(storage, FIRING, FIRED, of=watches[2])
    detail = await storage.alerts.detail(alert.id, 10, 2)
    assert detail.alert == alert
    assert detail.states == [(ids[2], FIRING), (ids[0], PENDING)]
    assert [(each.product_id, each.transition) for each in detail.transitions] == [
        (ids[2], FIRED),
        (ids[1], resolved),
    ]
    assert (await storage.alerts.detail(alert.id, 1, 0)).states == [(ids[2], FIRING)]


async def test_alerts_are_listed_with_the_number_of_products_in_each_phase(storage: Storage) -> None:
    ids = sorted(some_id() for _ in range(4))
    alert, of_all, removed = new_alert(*ids), new_alert(at=AT + MINUTE), new_alert(at=AT + HOUR)
    await stored(storage, alert, of_all, removed)
    for watch, state in zip(
        [each for each in await watching(storage, *ids) if each.alert_id == alert.id],
        (FIRING, PENDING, FIRING, AlertState(quiet_until=AT)),
        strict=True,
    ):
        await stand(storage, state, of=watch)
    async with storage.begin() as work:
        await work.alerts.get(removed.id)
        await work.alerts.remove(removed.id)
        await work.commit()
    assert await storage.alerts.page(9, 0, 9) == [ListedAlert(of_all, 0, 0), ListedAlert(alert, 2, 1)]
    assert await storage.alerts.page(1, 1, 1) == [ListedAlert(alert, 1, 1)]
    assert await storage.alerts.page(1, 2, 1) == []


async def test_transitions_of_all_alerts_are_walked_back(storage: Storage) -> None:
    id = some_id()
    alert, removed = new_alert(id), new_alert(id, at=AT + MINUTE)
    await stored(storage, alert, removed)
    first, second = await watching(storage, id)
    resolved = replace(FIRED, kind=TransitionKind.RESOLVED, suppressed=True, reason=ResolvedBy.CONDITION)
    await stand(storage, INITIAL, FIRED, resolved, of=first)
    await stand(storage, FIRING, FIRED, of=second)
    async with storage.begin() as work:
        await work.alerts.get(removed.id)
        await work.alerts.remove(removed.id)
        await work.commit()
    latest = await storage.alerts.transitions(2, None)
    assert [(each.alert_id, each.name, each.recorded.transition) for each in latest] == [
        (removed.id, None, FIRED),
        (alert.id, "Cheap", resolved),
    ]
    (earliest,) = await storage.alerts.transitions(2, latest[-1].number)
    assert (earliest.recorded.product_id, earliest.recorded.transition) == (id, FIRED)
    assert await storage.alerts.transitions(2, earliest.number) == []


async def test_a_product_has_the_alerts_that_name_it_and_those_for_all(storage: Storage) -> None:
    id, other = some_id(), some_id()
    named, of_all = new_alert(id, other), new_alert(at=AT + MINUTE)
    disabled, removed = replace(new_alert(id, at=AT + HOUR), enabled=False), new_alert(id)
    await stored(storage, named, of_all, disabled, removed, new_alert(other))
    for watch in await watching(storage, id, other):
        await stand(storage, FIRING if watch.product_id == id else PENDING, of=watch)
    async with storage.begin() as work:
        await work.alerts.get(removed.id)
        await work.alerts.remove(removed.id)
        await work.commit()
    assert await storage.alerts.of_product(id, 9) == [(disabled, INITIAL), (of_all, FIRING), (named, FIRING)]
    assert await storage.alerts.of_product(id, 1) == [(disabled, INITIAL)]
    assert await storage.alerts.of_product(some_id(), 9) == [(of_all, INITIAL)]


async def test_what_is_pending_restarts_and_keeps_its_cooldown(storage: Storage) -> None:
    ids = sorted(some_id() for _ in range(2))
    alert = new_alert(*ids)
    await stored(storage, alert)
    for watch, state in zip(
        await watching(storage, *ids), (replace(PENDING, quiet_until=AT + DAY), FIRING), strict=True
    ):
        await stand(storage, state, of=watch)
    async with storage.begin() as work:
        await work.alert_states.restart(alert.id)
        await work.commit()
    assert [each.state for each in await watching(storage, *ids)] == [AlertState(quiet_until=AT + DAY), FIRING]


async def test_states_are_taken_once(storage: Storage) -> None:
    ids = sorted(some_id() for _ in range(3))
    alert, other = new_alert(*ids), new_alert(at=AT + MINUTE)
    await stored(storage, alert, other)
    for watch in await watching(storage, *ids):
        await stand(storage, FIRING, of=watch)

    async def take(how: str, *arguments: Any, **named: Any) -> set[tuple[UUID, UUID]]:
        async with storage.begin() as work:
            taken = await getattr(work.alert_states, how)(*arguments, **named)
            await work.alert_states.record([(each, FIRED) for each in taken])
            await work.commit()
        assert all(each.state == FIRING and each.rule.when == BELOW for each in taken)
        return {(each.product_id, each.alert_id) for each in taken}

    assert await take("take_of_product", ids[0]) == {(ids[0], alert.id), (ids[0], other.id)}
    assert await take("take_of_product", ids[0]) == set()
    first = await take("take_of_alert", alert.id, 1)
    assert len(first) == 1
    assert await take("take_of_alert", alert.id, 5) == {(id, alert.id) for id in ids[1:]} - first
    assert len((await storage.alerts.detail(alert.id, 5, 9)).transitions) == 3
    assert await take("take_idle", 5, removed=False) == set()
    async with storage.begin() as work:
        await work.alerts.save(replace(await work.alerts.get(other.id), enabled=False))
        await work.commit()
    assert await take("take_idle", 5, removed=True) == set()
    assert len(await take("take_idle", 1, removed=False)) == 1
    async with storage.begin() as work:
        await work.alerts.get(other.id)
        await work.alerts.remove(other.id)
        await work.commit()
    assert await take("take_idle", 5, removed=False) == set()
    assert len(await take("take_idle", 5, removed=True)) == 1
    assert await take("take_idle", 5, removed=True) == set()


async def watched(storage: Storage, *prices: tuple[int | None, timedelta]) -> tuple[UUID, datetime]:
    """Observe a product at these prices for so long each, and return the time of the first observation."""
    start = BucketWidth.DAY.floor(ago(hours=0)) - 3 * DAY
    product = new_product(at=start)
    await add(storage.begin, product)
    at, offer = start, some_id()
    for price, length in prices:
        answer = observed(*([] if price is None else [Offer(offer, price, 1)]))
        await observe(storage.begin, product.id, answer, at, DAY)
        at += length
    return product.id, start


async def test_windows_have_the_steps_that_touch_them(storage: Storage) -> None:
    id, start = await watched(storage, (5, HOUR), (4, HOUR), (None, HOUR), (6, HOUR), (7, HOUR))
    other, _ = await watched(storage, (9, HOUR), (8, HOUR))

    def step(price: int | None, hour: int) -> PriceStep:
        state = PriceState.OUT_OF_STOCK if price is None else PriceState.IN_STOCK
        return PriceStep(state, price, start + hour * HOUR, start + (hour + 1) * HOUR)

    windows = [
        ProductWindow(id, Window(start + HOUR, start + 2 * HOUR)),
        ProductWindow(other, Window(start - HOUR, start + 9 * HOUR)),
        ProductWindow(id, Window(start - HOUR, start)),
        ProductWindow(id, Window(start + 2.5 * HOUR, start + 9 * HOUR)),
    ]
    async with storage.begin() as work:
        found = await work.alert_states.steps(windows)
    assert found == [[step(4, 1)], [step(9, 0)], [], [step(None, 2), step(6, 3)]]


@pytest.mark.parametrize("rolled_up", [False, True], ids=["steps", "rolled up"])
async def test_windows_are_summed(storage: Storage, *, rolled_up: bool) -> None:
    id, start = await watched(
        storage, (5, HOUR), (3, 22 * HOUR), (9, 2 * HOUR), (4, 30 * HOUR), (None, HOUR), (6, HOUR), (7, HOUR)
    )
    while rolled_up and await storage.history.roll_up(10):
        pass
    ends = start + 57 * HOUR
    windows = [
        ProductWindow(id, Window(start + HOUR, ends)),
        ProductWindow(id, Window(start - DAY, ends)),
        ProductWindow(id, Window(start + 24 * HOUR, start + 48 * HOUR)),
        ProductWindow(id, Window(start + 23.5 * HOUR, start + 24.5 * HOUR)),
        ProductWindow(id, Window(start + 2 * HOUR, start + 3 * HOUR)),
        ProductWindow(id, Window(start - DAY, start)),
        ProductWindow(some_id(), Window(start - DAY, ends)),
    ]
    async with storage.begin() as work:
        found = await work.alert_states.prices(windows)
    hour = 3_600 * 10**6
    assert found == [
        WindowPrices(3, 9, 56 * hour),
        WindowPrices(3, 9, 57 * hour),
        WindowPrices(4, 9, 24 * hour),
        WindowPrices(9, 9, hour),
        WindowPrices(3, 3, hour),
        WindowPrices(),
        WindowPrices(),
    ]
