"""After the last disturbance: everything runs, nothing fails, and all must come right within a bounded time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from chaos.caller import Caller
from chaos.catalogue import Catalogue
from chaos.customers import look_up
from chaos.deployment import Deployment
from chaos.offer_versions import FOREIGN, REJECTED, ScriptedOffers, in_stock
from chaos.readers import offers_in_stock
from chaos.record import Record

SECONDS_TO_START = 60.0
SECONDS_TO_SETTLE = 90.0
SECONDS_BETWEEN_LOOKS = 1.0

Json = dict[str, Any]


class Settling:
    """What must become true, and what is still missing."""

    def __init__(self, deployment: Deployment, catalogue: Catalogue, market: ScriptedOffers, record: Record) -> None:
        self._deployment = deployment
        self._catalogue = catalogue
        self._market = market
        self._record = record
        self._missing: dict[str, str] = {}

    async def __call__(self, caller: Caller) -> None:
        """Wait until all is well; whatever is not in time is a violation."""
        if not await self._deployment.until(self._all_run, SECONDS_TO_START):
            not_ready = [name for name, part in self._deployment.parts.items() if not part.ready]
            self._record.violate("everything starts again", f"not ready: {not_ready}")
            return
        self._record.tell("everything runs, settling")
        if not await self._deployment.until(self._no_doubt(caller), SECONDS_TO_SETTLE):
            self._record.violate("a running API answers", "what became of some requests could not be learnt")
        if not await self._deployment.until(self._all_well, SECONDS_TO_SETTLE):
            for product_id, what in self._missing.items():
                self._record.violate("all comes right at last", f"{product_id}: {what}")
        self._record.tell("settled")

    def _no_doubt(self, caller: Caller) -> Callable[[], Awaitable[bool]]:
        async def no_doubt() -> bool:
            return all([not entry.doubt or await look_up(caller, entry) for entry in self._catalogue.entries.values()])

        return no_doubt

    async def _all_run(self) -> bool:
        return self._deployment.ready and self._market.settled

    async def _all_well(self) -> bool:
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        try:
            self._missing = await asyncio.to_thread(self._look)
        except httpx.TransportError as error:
            self._missing = {"the API": type(error).__name__}
        return not self._missing

    def _look(self) -> dict[str, str]:
        api = self._deployment.system.api
        listed = api.all()
        expected = {str(entry.id): entry for entry in self._catalogue.entries.values() if entry.text is not None}
        missing = dict.fromkeys(expected.keys() - {item["id"] for item in listed}, "is not listed")
        for item in listed:
            entry = expected.get(item["id"])
            if entry is None:
                missing[item["id"]] = f"should not exist: {item['name']}"
            elif (item["name"], item["description"]) != entry.text:
                missing[item["id"]] = f"{item['name']} instead of {entry.text}"
            elif trouble := self._trouble(item, api.read):
                missing[item["id"]] = trouble
        if len(listed) != len({item["id"] for item in listed}):
            missing["the list"] = "shows a product twice"
        return missing

    def _trouble(self, item: Json, read: Callable[[str], Json]) -> str | None:
        state, wanted = item["registration"]["state"], "registered"
        if REJECTED in item["name"]:
            wanted = "rejected"
        elif FOREIGN in item["name"]:
            wanted = "conflict"
        if state != wanted:
            return f"is {state}, not {wanted}"
        if wanted != "registered":
            return None
        product = read(item["id"])
        if product["stale"] or product["observed_at"] is None:
            return f"stale, observed at {product['observed_at']}"
        shelf = next(shelf for id, shelf in self._market.shelves.items() if str(id) == item["id"])
        shown, right = offers_in_stock(product["offers"]), in_stock(shelf.product_id, shelf.confirmed)
        return None if shown == right else f"shows {sorted(shown)} instead of {sorted(right)}"
