"""Upkeep: all that is due is done in one go."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from application.alerts.upkeep import TidyAlerts
from application.catalogue.idempotency_keys import KeptAnswer
from application.clock import Clock
from application.housekeeping import KeepHouse
from application.upkeep_pace import UpkeepPace
from domain.offer import Offer
from domain.synchronisation import Observation
from factories import TrackedOfferFactory, some_id
from fakes.access_readers import InMemoryAuditUpkeep
from fakes.alerts import InMemoryAlertUpkeep
from fakes.clock_watch import clock_watch
from fakes.events import InMemoryEventUpkeep
from fakes.synchronisation import Synchronising
from fakes.upkeep import InMemoryCataloguePurge, InMemoryHistoryUpkeep
from fakes.webhooks import InMemoryWebhookUpkeep

PACE = UpkeepPace()
KEPT = KeptAnswer(b"", b"{}")


def house(world: Synchronising, pace: UpkeepPace = PACE, clock: Clock | None = None) -> KeepHouse:
    storage = world.storage
    purge, history = InMemoryCataloguePurge(storage), InMemoryHistoryUpkeep(storage)
    return KeepHouse(
        purge,
        history,
        InMemoryAuditUpkeep(storage),
        InMemoryEventUpkeep(storage),
        TidyAlerts(storage.begin, InMemoryAlertUpkeep(storage)),
        InMemoryWebhookUpkeep(storage),
        pace,
        clock_watch(storage, clock),
        timedelta(days=8),
        lambda: 0.0,
    )


async def test_every_withdrawn_product_is_purged(world: Synchronising) -> None:
    ids = [await world.watched(Offer(some_id(), 5, 1)) for _ in range(3)]
    for id in ids[:2]:
        await world.withdraw(id)
    await house(world)()
    assert list(world.storage.rows.offers) == [ids[2]]
    await world.create(name="again", description="", product_id=ids[0])


async def test_offers_sold_out_for_longer_than_their_prices_are_kept_are_purged_however_many(
    world: Synchronising,
) -> None:
    now = world.clock.now
    lately = TrackedOfferFactory.build(sold_out_at=now - timedelta(days=8, hours=-1))
    in_stock = TrackedOfferFactory.build()
    dead = TrackedOfferFactory.batch(7, sold_out_at=now - timedelta(days=8, hours=1))
    id = some_id()
    async with world.storage.begin() as work:
        await work.offers.record([Observation(id, [lately, in_stock, *dead], [], [])])
        await work.commit()
    await house(world, UpkeepPace(purged_rows=3))()
    assert world.tracked(id) == [lately, in_stock]


async def test_answers_kept_for_longer_than_a_day_are_purged_however_many(world: Synchronising) -> None:
    async def keep(*keys: int) -> None:
        async with world.storage.begin() as work:
            for key in keys:
                await work.idempotency_keys.keep(bytes([key]), KEPT)
            await work.commit()

    await keep(*range(7))
    world.clock.advance(timedelta(hours=1))
    await keep(7)
    world.clock.advance(timedelta(hours=23, seconds=1))
    await house(world, UpkeepPace(purged_rows=3))()
    assert list(world.storage.rows.idempotency_keys) == [bytes([7])]


@pytest.mark.parametrize("ahead", [timedelta(days=800), timedelta(days=-40), timedelta(seconds=61)])
async def test_a_process_whose_clock_differs_prepares_history_and_does_nothing_else(
    world: Synchronising, ahead: timedelta
) -> None:
    withdrawn = await world.watched(Offer(some_id(), 5, 1))
    await world.withdraw(withdrawn)
    history = NotedUpkeep()
    audit, events = NotedUpkeepOf(history.calls, "audit"), NotedUpkeepOf(history.calls, "events")
    keep = replace(house(world, clock=lambda: world.clock.now + ahead), history=history, audit=audit, events=events)
    await keep()
    assert (history.calls, withdrawn in world.storage.rows.withdrawn) == (
        ["prepare", "prepare audit", "prepare events"],
        True,
    )
    await replace(keep, clocks=clock_watch(world.storage))()
    done = ["prepare", "prepare audit", "prepare events", "roll up", "drop", "drop audit", "drop events"]
    assert (history.calls[3:], withdrawn in world.storage.rows.withdrawn) == (done, False)


@dataclass
class NotedUpkeep:
    """Notes its calls."""

    calls: list[str] = field(default_factory=list)

    async def prepare_history(self) -> None:
        self.calls.append("prepare")

    async def roll_up(self, products: int) -> int:
        self.calls.append("roll up")
        return 0

    async def drop_expired(self) -> int:
        self.calls.append("drop")
        return 0


@dataclass
class NotedUpkeepOf:
    """Notes its calls."""

    calls: list[str]
    log: str

    async def prepare(self) -> None:
        self.calls.append(f"prepare {self.log}")

    async def drop_expired(self) -> int:
        self.calls.append(f"drop {self.log}")
        return 0
