"""The loop of deliveries: claims in turns, bounded places, and receivers that hold up no others."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from adapters.metrics.metrics import Metrics
from application.webhooks.delivery import DeliveryTiming
from application.webhooks.ports import DeliveryClaim
from domain.event import EventType
from entrypoints.worker.deliveries import Deliveries
from telemetry.metric_values import counted
from waiting import PATIENCE, let_others_run, until
from webhooks.world import World

TIMING = DeliveryTiming(tick=0.001)


@pytest.fixture
def world() -> World:
    world = World()
    world.barrier, world.slow = asyncio.Event(), "slow"
    return world


@asynccontextmanager
async def delivering(world: World, timing: DeliveryTiming = TIMING) -> AsyncIterator[Deliveries]:
    metrics = Metrics()
    metrics.working()
    deliveries = Deliveries(world.due, world.deliver(timing), world.reader, metrics, timing)
    deliveries.start()
    yield deliveries
    await deliveries.finish(PATIENCE)


def sent_to(world: World, host: str) -> list[str]:
    return [message.event_id for message in world.sent if host in message.url]


async def test_fault_35_a_slow_receiver_delays_no_other(world: World) -> None:
    await world.create(url="https://slow.example/")
    await world.create(url="https://fast.example/")
    async with delivering(world):
        for number in range(1, 20):
            await world.append()
            await until(lambda number=number: len(sent_to(world, "fast")) == number)  # type: ignore[misc]
        assert len(sent_to(world, "slow")) == 1
        assert world.barrier is not None
        world.barrier.set()
        await until(lambda: sent_to(world, "slow") == sent_to(world, "fast"))


async def test_no_more_calls_than_places_are_under_way(world: World) -> None:
    timing = DeliveryTiming(tick=0.001, calls=8, calls_each=2)
    for number in range(10):
        await world.create(url=f"https://slow{number}.example/")
    await world.append(*[EventType.PRICE_CHANGED] * 5)
    async with delivering(world, timing):
        await until(lambda: world.at_once == 8)
        await let_others_run()
        assert world.most_at_once == 8
        assert world.barrier is not None
        world.barrier.set()
        await until(lambda: len(world.sent) == 50)
    assert world.most_at_once == 8


async def test_trouble_with_the_storage_is_survived(world: World) -> None:
    await world.create(url="https://fast.example/")
    world.storage.away = True
    async with delivering(world):
        await let_others_run()
        world.storage.away = False
        await world.append()
        await until(lambda: len(world.sent) == 1)


async def test_a_stopping_worker_waits_for_the_calls_under_way(world: World) -> None:
    await world.create(url="https://slow.example/")
    await world.append()
    async with delivering(world) as deliveries:
        await until(lambda: world.at_once == 1)
        deliveries.stop()
        stopping = asyncio.create_task(deliveries.finish(60))
        await let_others_run()
        assert not stopping.done()
        assert world.barrier is not None
        world.barrier.set()
        await stopping
    assert len(await world.log()) == 1


async def test_what_takes_longer_is_broken_off_and_sent_again(world: World) -> None:
    await world.create(url="https://slow.example/")
    [id] = await world.append()
    async with delivering(world) as deliveries:
        await until(lambda: world.at_once == 1)
        await deliveries.finish(0)
    assert await world.log() == []
    world.barrier = None
    world.clock.advance(TIMING.lease)
    assert await world.work() == [id]


async def test_a_claim_that_is_committed_while_the_worker_stops_is_given_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.create(url="https://fast.example/")
    [id] = await world.append()
    claim, committed, answered = world.due.claim, asyncio.Event(), asyncio.Event()

    async def claim_slowly(lease: timedelta, at_most: int) -> Sequence[DeliveryClaim]:
        claims = await claim(lease, at_most)
        committed.set()
        await answered.wait()
        return claims

    monkeypatch.setattr(type(world.due), "claim", staticmethod(claim_slowly))
    async with delivering(world) as deliveries:
        await committed.wait()
        stopping = asyncio.create_task(deliveries.finish(PATIENCE))
        await let_others_run()
        answered.set()
        await stopping
    assert not world.sent
    monkeypatch.undo()
    assert await world.work() == [id]


async def test_webhooks_are_counted(world: World) -> None:
    await world.create(url="https://fast.example/")
    async with delivering(world) as deliveries:
        await until(lambda: counted(deliveries.metrics, "aggregator_webhook_receivers", state="enabled") == 1)
