"""What the simulator is told to show, version by version, so that a torn or a stale observation betrays itself.

Version v of a product has a few of its twelve possible offers, each at the price v * 1000 + its place among the twelve.
One task tells the simulator everything, one thing after the other and as patiently as the simulator is held.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid5

import httpx
import msgspec

from chaos.deployment import Deployment
from chaos.plan import SOME, SPOILING, fault_named
from chaos.record import Record, Stretches
from entrypoints.development.offers_simulator.faults import Faults

FIRST_VERSION = 1_000
UNIT = 1_000
PLACES = 12
MOST_OFFERS = 8
CHANGES_PER_SECOND = 20.0
REJECTED, FOREIGN = "(rejected)", "(foreign)"
# With some slow answers in every batch, a worker that is held mostly has something in its hands.
STANDING = {
    "reject_marker": REJECTED,
    "foreign_marker": FOREIGN,
    "latency": {"offers": {"p50": 60, "p99": 1500}, "register": {"p50": 30, "p99": 300}},
}
LATE = 30.0
"""An answer may be written so long after it was given: a worker that is held keeps its lease for most of that."""

Shown = frozenset[tuple[str, int, int]]


@dataclass
class Shelf:
    """What is shown of one product: the last version told, and the last one that the simulator has confirmed."""

    product_id: UUID
    told: int = FIRST_VERSION
    confirmed: int = FIRST_VERSION
    life: int = 0
    gone: bool = False
    posted: bool = False
    unstocked: Stretches = field(default_factory=Stretches)

    @property
    def spoilable(self) -> bool:
        """Whether this is one of the products whose answers may be spoilt in part."""
        return self.product_id.int % 3 == 0


@lru_cache(maxsize=20_000)
def offers_of(product_id: UUID, version: int) -> tuple[tuple[str, int, int], ...]:
    """Return id, price and stock of the offers of a version, as the simulator is told them."""
    dice = random.Random(f"{product_id} {version}")
    places = dice.sample(range(PLACES), dice.randint(0, MOST_OFFERS))
    stock = (0 if dice.random() < 0.1 else version for _ in places)
    return tuple(
        (str(uuid5(product_id, str(place))), version * UNIT + place, left)
        for place, left in zip(places, stock, strict=True)
    )


def in_stock(product_id: UUID, version: int) -> Shown:
    """Return what readers should see of a version."""
    return frozenset(offer for offer in offers_of(product_id, version) if offer[2])


class ScriptedOffers:
    """Tells the simulator of `deployment` what to show and which faults to have, until it is cancelled."""

    def __init__(self, deployment: Deployment, record: Record, seed: int) -> None:
        self.shelves: dict[UUID, Shelf] = {}
        self.spoilt = Stretches()
        self.frozen = False
        self.forgotten = 0
        self._deployment = deployment
        self._record = record
        self._dice = random.Random(f"market {seed}")
        self._faults: list[str] = []
        self._actions: deque[Mapping[str, bool]] = deque()
        self._life = 0
        self._switched: dict[str, Any] | None = None

    @property
    def settled(self) -> bool:
        """Whether the present simulator knows everything."""
        return (
            self._life == self._deployment.simulator_life
            and self._switched == self._wanted()
            and not self._actions
            and not self._unstocked()
        )

    def add(self, product_id: UUID) -> Shelf:
        """Make a shelf for a product before it is created; it is stocked as soon as the simulator listens."""
        shelf = self.shelves[product_id] = Shelf(product_id)
        shelf.unstocked.begin(time.time())
        return shelf

    def switch(self, fault: str, *, on: bool) -> None:
        """Have a fault of the plan, or have it no more."""
        if on:
            self._faults.append(fault)
        elif fault in self._faults:
            self._faults.remove(fault)

    def no_faults(self) -> None:
        """Have no fault any more, and change no offers."""
        self._faults.clear()
        self.frozen = True

    def act(self, action: Mapping[str, bool]) -> None:
        """Have something done once."""
        self._actions.append(action)

    def doubtful(self, shelf: Shelf, observed_at: float) -> bool:
        """Whether what was observed then may be something that nobody told the simulator to show."""
        moment = observed_at - LATE, observed_at + LATE
        return shelf.unstocked.touch(*moment) or (shelf.spoilable and self.spoilt.touch(*moment))

    async def run(self) -> None:
        """Tell and tell again."""
        async with httpx.AsyncClient(
            base_url=self._deployment.system.simulator.client.base_url, trust_env=False
        ) as client:
            # As patient as it takes: what timed out could still be done later, after its successor.
            client.timeout = httpx.Timeout(None)
            while True:
                try:
                    await self._turn(client)
                except httpx.TransportError:
                    self._switched = None
                    await asyncio.sleep(0.1)

    async def _turn(self, client: httpx.AsyncClient) -> None:
        if self._life != (life := self._deployment.simulator_life):
            self._life, self._switched, self.forgotten = life, None, 0
        unstocked, wanted = self._unstocked(), self._wanted()
        if unstocked:
            await self._stock(client, unstocked[0], life)
        elif self._switched != wanted:
            await self._switch(client, wanted)
        elif self._actions:
            action = self._actions.popleft()
            self.forgotten += "forget_registrations" in action
            (await client.put("/__control", json=action)).raise_for_status()
        else:
            await asyncio.sleep(1 / CHANGES_PER_SECOND)
            living = [shelf for shelf in self.shelves.values() if not shelf.gone]
            if living and not self.frozen:
                await self._stock(client, self._dice.choice(living), life)

    async def _stock(self, client: httpx.AsyncClient, shelf: Shelf, life: int) -> None:
        shelf.told += 1
        offers = offers_of(shelf.product_id, shelf.told)
        body = [{"id": id, "price": price, "items_in_stock": stock} for id, price, stock in offers]
        (await client.put(f"/__offers/{shelf.product_id}", json=body)).raise_for_status()
        shelf.confirmed, shelf.life = shelf.told, life
        self._record.count("offers dictated")
        if shelf.posted:
            shelf.unstocked.end(time.time())
        else:
            shelf.unstocked.clear()

    async def _switch(self, client: httpx.AsyncClient, wanted: dict[str, Any]) -> None:
        spoiling = bool(set(SPOILING) & set(wanted["malformed"]))
        if spoiling:
            self.spoilt.begin(time.time())
        (await client.put("/__control", json=wanted)).raise_for_status()
        self._switched = wanted
        if not spoiling:
            self.spoilt.end(time.time())

    def _unstocked(self) -> list[Shelf]:
        return [shelf for shelf in self.shelves.values() if shelf.life != self._life and not shelf.gone]

    def _wanted(self) -> dict[str, Any]:
        wanted: dict[str, Any] = msgspec.to_builtins(Faults()) | STANDING
        for name in self._faults:
            wanted |= fault_named(name)
        if wanted["hang_products"] == SOME:
            wanted["hang_products"] = sorted(str(id) for id in self.shelves if id.int % 7 == 0)
        spoilable = sorted(str(id) for id, shelf in self.shelves.items() if shelf.spoilable)
        wanted["malformed"] = {kind: spoilable if whom == SOME else whom for kind, whom in wanted["malformed"].items()}
        return wanted
