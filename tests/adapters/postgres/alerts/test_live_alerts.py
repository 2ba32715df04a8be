"""Alerts that are evaluated with stored observations fire exactly as in a back-test of the same time."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from application.alerts.back_test import Firing, SimulateAlert
from application.alerts.recorded_prices import ReadRecordedPrices
from domain.alerts.alert import Alert, Rule, Transition, TransitionKind
from domain.alerts.condition import Condition
from domain.offer import ObservedOffers
from domain.prices.retention import Retention
from domain.window import MICROSECOND, BucketWidth, Window
from factories import some_id
from fakes.price_readers import kept
from storages.databases import system_clock
from storages.random_alerts import conditions, lengths
from storages.random_histories import SECOND, polls
from storages.storage import Storage, add, ago, in_memory, new_product, observe, on_postgres

# A hundred examples take some seconds, or many times that beside other work.
pytestmark = pytest.mark.timeout(6 * max(100, settings().max_examples))
START = BucketWidth.DAY.floor(ago()) - timedelta(days=3, minutes=10)
Polls = Sequence[tuple[int, ObservedOffers, int]]


def episodes(transitions: Sequence[Transition]) -> list[Firing]:
    found: list[Firing] = []
    for each in transitions:
        if each.kind is TransitionKind.FIRING:
            found.append(Firing(each.at, None, each.value, each.suppressed))
        else:
            found[-1] = Firing(found[-1].at, each.at, found[-1].value, found[-1].suppressed)
    return found


async def live_and_simulated(storage: Storage, polls: Polls, rule: Rule) -> list[Transition]:
    """Observe a product that an alert watches, and hold the transitions to a back-test; return them."""
    product = new_product(at=START)
    await add(storage.begin, product)
    alert = Alert(some_id(), "Any", (product.id,), rule, True, START, START)
    async with storage.begin() as work:
        await work.alerts.add(alert)
        await work.commit()
    at = START
    for pause, answer, interval in polls:
        at += timedelta(microseconds=pause)
        await observe(storage.begin, product.id, answer, at, interval * SECOND)
    recorded = (await storage.alerts.detail(alert.id, 9, 999)).transitions
    live = [each.transition for each in reversed(recorded)]
    if at < rule.since:
        assert live == []
        return []
    simulate = SimulateAlert(ReadRecordedPrices(storage.prices, system_clock, kept(Retention())))
    window = Window(rule.since, at + MICROSECOND)
    found = await simulate(product.id, rule.when, rule.hold, rule.cooldown, window)
    assert found.firings == episodes(live)
    assert not found.truncated
    return live


# Each example is a dozen transactions.
@settings(max_examples=settings().max_examples // 4)
@given(polls, conditions, lengths, lengths, st.integers(-(10**9), 10**9))
async def test_live_alerts_equal_their_back_test(
    engine: AsyncEngine, polls: Polls, when: Condition, hold: timedelta, cooldown: timedelta, offset: int
) -> None:
    rule = Rule(when, hold, cooldown, START + timedelta(microseconds=offset))
    told = [await live_and_simulated(storage, polls, rule) for storage in (in_memory(), on_postgres(engine))]
    assert told[0] == told[1]
