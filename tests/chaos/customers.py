"""Admins who create, amend, withdraw and re-register products all the time; what is acknowledged goes into the model.

Every decision is drawn in the same order whatever happens, so that a seed makes the same decisions again.
"""

import asyncio
import random
from uuid import UUID

from chaos.caller import Caller
from chaos.catalogue import AMENDED, CREATED, WITHDRAWN, Catalogue, Entry, Text
from chaos.offer_versions import FOREIGN, REJECTED, ScriptedOffers

CHANGES_PER_SECOND = 2.5
PATIENCE = 60.0
"""Longer than anything is held: what timed out could still be done later, after its successor."""
SECONDS_TO_STOCK = 0.5
ACTIONS = {
    "create": 45,
    "amend": 25,
    "withdraw": 12,
    "take a name": 6,
    "take an id": 3,
    "register": 7,
    "wrong login": 1,
}
MADE, DONE, ACCEPTED, EMPTY, NOT_FOUND, TAKEN = 201, 200, 202, 204, 404, 409


class Customer:
    """One admin, one change at a time."""

    def __init__(self, number: int, seed: int, caller: Caller, catalogue: Catalogue, market: ScriptedOffers) -> None:
        self._number = number
        self._names = 0
        self._dice = random.Random(f"customer {number} {seed}")
        self._caller = caller
        self._catalogue = catalogue
        self._market = market

    async def run(self, closing: asyncio.Event) -> None:
        """Change something now and then until the deployment closes."""
        while not closing.is_set():
            dice = self._dice
            pause, pick, luck = dice.expovariate(CHANGES_PER_SECOND), dice.random(), dice.random()
            action = dice.choices(list(ACTIONS), list(ACTIONS.values()))[0]
            new_id, name = UUID(int=dice.getrandbits(128), version=4), self._new_name(luck)
            await asyncio.sleep(pause)
            for doubtful in self._catalogue.in_doubt()[:1]:
                await look_up(self._caller, doubtful)
            if action == "create" and not self._catalogue.full:
                await self._create(new_id, (name, f"{luck:.6f}"))
            elif action == "wrong login":
                await self._caller.log_in_wrongly()
            elif entry := self._catalogue.choose(pick):
                with entry.changing():
                    await self._change(action, entry, name, new_id)

    async def stock(self, count: int) -> list[UUID]:
        """Create so many products at once; return their ids."""
        ids = [UUID(int=self._dice.getrandbits(128), version=4) for _ in range(count)]
        for number, id in enumerate(ids):
            await self._create(id, (f"First product {number}", ""))
        return ids

    async def _change(self, action: str, entry: Entry, name: str, new_id: UUID) -> None:
        if action == "amend":
            await self._amend(entry, name)
        elif action == "register":
            await self._caller.call(
                "register again", "POST", f"/products/{entry.id}/register", allowed={ACCEPTED}, admin=True
            )
        elif action in ("take a name", "take an id"):
            await self._take(action, entry, name, new_id)
        elif action == "withdraw" or self._catalogue.full:
            await self._withdraw(entry)

    async def _create(self, product_id: UUID, text: Text) -> None:
        shelf = self._market.add(product_id)
        entry = self._catalogue.add(shelf)
        with entry.changing():
            waited = 0.0
            while shelf.unstocked.open and waited < SECONDS_TO_STOCK:
                await asyncio.sleep(0.02)
                waited += 0.02
            shelf.posted = True
            body = {"id": str(product_id), "name": text[0], "description": text[1]}
            answer = await self._caller.call("create", "POST", "/products", allowed={MADE}, admin=True, json=body)
            if answer is None:
                entry.cast_doubt(text, CREATED)
            else:
                entry.acknowledge(text, (CREATED, answer.json()["revision"]))

    async def _amend(self, entry: Entry, name: str) -> None:
        # Upstream knows the name it was given at first: so marks stay where they are.
        before, description = entry.text or ("", "")
        mark = next((mark for mark in (REJECTED, FOREIGN) if mark in before), "")
        unmarked = name.replace(REJECTED, "").replace(FOREIGN, "").strip()
        body = {"name": f"{unmarked} {mark}".strip()} if self._names % 2 else {"description": name}
        text = (body.get("name", before), body.get("description", description))
        answer = await self._caller.call(
            "amend", "PATCH", f"/products/{entry.id}", allowed={DONE}, admin=True, json=body
        )
        if answer is None:
            entry.cast_doubt(text, AMENDED)
        else:
            entry.acknowledge(text, (AMENDED, answer.json()["revision"]))

    async def _withdraw(self, entry: Entry) -> None:
        answer = await self._caller.call("withdraw", "DELETE", f"/products/{entry.id}", allowed={EMPTY}, admin=True)
        if answer is None:
            entry.cast_doubt(None, WITHDRAWN)
        else:
            entry.acknowledge(None, (WITHDRAWN, None))

    async def _take(self, action: str, entry: Entry, name: str, new_id: UUID) -> None:
        taken = entry.text[0] if entry.text else ""
        body = {"id": str(new_id), "name": taken} if action == "take a name" else {"id": str(entry.id), "name": name}
        await self._caller.call(
            action, "POST", "/products", allowed={TAKEN}, admin=True, json=body | {"description": "taken"}
        )

    def _new_name(self, luck: float) -> str:
        self._names += 1
        mark = REJECTED if luck < 0.04 else FOREIGN if luck < 0.08 else ""
        return f"Product {self._number}.{self._names} {mark}".strip()


async def look_up(caller: Caller, entry: Entry) -> bool:
    """Read a product in doubt and take what is shown as the truth; say whether that could be read."""
    with entry.changing():
        answer = await caller.call("look up", "GET", f"/products/{entry.id}", allowed={DONE, NOT_FOUND})
        if answer is None:
            return False
        found = answer.json()
        text = (found["name"], found["description"]) if answer.status_code == DONE else None
        possible = entry.doubt
        if not entry.resolve(text):
            caller.record.violate("what had no answer is done or not", f"{entry.id} is {text}, not of {set(possible)}")
    return True
