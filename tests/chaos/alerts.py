"""Alerts that watch from before the first observation on, and one that is edited all the time.

An observation that overlaps with the making or the editing of an alert may be seen by it or not: so only the others can
be held against the simulation.
"""

import asyncio
import random
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from application.alerts.conditions import condition_fields
from chaos.caller import Caller
from chaos.offer_versions import FIRST_VERSION, UNIT
from domain.alerts.condition import Condition, ConditionKind, PriceExtreme, PriceMove, PriceThreshold, Stock
from domain.duration import written

MADE, DONE = 201, 200
SECONDS_BETWEEN_EDITS = 4.0
SECOND, NOTHING = timedelta(seconds=1), timedelta(0)
PERCENT = Decimal("0.05")
"""Half of what one version is dearer than the one before."""


def _below(versions: int, hysteresis: int = 0) -> Condition:
    price = (FIRST_VERSION + versions) * UNIT
    return PriceThreshold(ConditionKind.PRICE_BELOW, price, price + hysteresis * UNIT)


RULES: dict[str, tuple[Condition, timedelta, timedelta]] = {
    "cheap": (_below(8, hysteresis=2), NOTHING, NOTHING),
    "sold out for 3 s": (Stock(ConditionKind.OUT_OF_STOCK), 3 * SECOND, NOTHING),
    "cheaper than 10 s ago": (PriceMove(ConditionKind.DROP, PERCENT, 10 * SECOND), NOTHING, NOTHING),
    "dearer than 4 s ago": (PriceMove(ConditionKind.RISE, PERCENT, 4 * SECOND), SECOND, 20 * SECOND),
    "dearest of 20 s": (PriceExtreme(ConditionKind.NEW_HIGH, 20 * SECOND), NOTHING, 5 * SECOND),
}
"""What is met when, for how long, and the cooldown."""
FOR_ALL = ("cheap", "sold out for 3 s", "dearer than 4 s ago", "dearest of 20 s")
FOR_SOME = ("cheap", "sold out for 3 s", "cheaper than 10 s ago")
EDITED = "edited"


class Watcher:
    """Makes the alerts; `made` has the rule's name of each that is never edited, by its id."""

    def __init__(self, seed: int, caller: Caller) -> None:
        self.made: dict[UUID, str] = {}
        self._dice = random.Random(f"watcher {seed}")
        self._caller = caller
        self._edited: UUID | None = None

    async def make(self, product_ids: list[UUID]) -> None:
        """Make all alerts, some for these products only; nothing is disturbed meanwhile, and nothing is observed."""
        for name in FOR_ALL:
            self.made[await self._make(name, name, None)] = name
        for name in FOR_SOME:
            self.made[await self._make(f"{name}, of some", name, product_ids)] = name
        self._edited = await self._make(EDITED, "cheap", None)

    async def run(self, closing: asyncio.Event) -> None:
        """Edit one alert now and then until the deployment closes."""
        while not closing.is_set():
            pause, versions = self._dice.expovariate(1 / SECONDS_BETWEEN_EDITS), self._dice.randint(0, 20)
            enabled, hold = self._dice.random() < 0.8, self._dice.choice((NOTHING, 3 * SECOND))
            await asyncio.sleep(pause)
            body = {"when": condition_fields(_below(versions)), "for": written(hold), "enabled": enabled}
            path = f"/alerts/{self._edited}"
            await self._caller.call("edit an alert", "PATCH", path, allowed={DONE}, admin=True, json=body)

    async def _make(self, name: str, rule: str, product_ids: list[UUID] | None) -> UUID:
        when, hold, cooldown = RULES[rule]
        body: dict[str, Any] = {
            "name": name,
            "product_ids": None if product_ids is None else [str(id) for id in product_ids],
            "when": condition_fields(when),
            "for": written(hold),
            "cooldown": written(cooldown),
        }
        answer = await self._caller.call("make an alert", "POST", "/alerts", allowed={MADE}, admin=True, json=body)
        assert answer is not None, f"the alert {name} was not made"
        return UUID(answer.json()["id"])
