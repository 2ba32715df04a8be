"""Readers, who compare every answer with the model: products as acknowledged, offers of one version, none older."""

import asyncio
import random
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from chaos.caller import Caller
from chaos.catalogue import Catalogue, Entry
from chaos.offer_versions import FIRST_VERSION, UNIT, ScriptedOffers, Shelf, Shown, in_stock
from chaos.past import Past
from chaos.record import Record

READS_PER_SECOND = 7.0
PATIENCE = 5.0
KINDS = {"detail": 55, "offers": 15, "sold out too": 10, "list": 20}
DONE, NOT_FOUND = 200, 404

Json = dict[str, Any]


@dataclass
class Seen:
    """The newest that any answer about a product showed."""

    version: int = FIRST_VERSION
    observed_at: float = 0.0


class Judge:
    """Knows what was seen of each product, for all readers together."""

    def __init__(self, market: ScriptedOffers, record: Record, past: Past) -> None:
        self._market = market
        self._record = record
        self.past = past
        self._seen: dict[UUID, Seen] = {}

    def seen(self, product_id: UUID) -> Seen:
        """Return the newest seen by now; a read that starts now must not show anything older."""
        seen = self._seen.get(product_id, Seen())
        return Seen(seen.version, seen.observed_at)

    def offers(self, product_id: UUID, shown: Shown, observed_at: str | None, floor: Seen, place: str) -> None:
        """Judge all offers in stock of one answer, its read started when `floor` was the newest seen."""
        shelf = self._market.shelves[product_id]
        at = 0.0 if observed_at is None else datetime.fromisoformat(observed_at).timestamp()
        if at < floor.observed_at:
            self._violate("an observation is never taken back", f"{product_id} {place}: {at} < {floor.observed_at}")
        newest = self._seen.setdefault(product_id, Seen())
        newest.observed_at = max(newest.observed_at, at)
        if not at:
            if shown:
                self._violate("offers come from an observation", f"{product_id} {place}: {sorted(shown)}")
        elif not self._market.doubtful(shelf, at):
            self._judge_version(shelf, shown, floor, newest, place)

    def _judge_version(self, shelf: Shelf, shown: Shown, floor: Seen, newest: Seen, place: str) -> None:
        version = version_of(shelf, shown, floor.version)
        if version is None:
            versions = sorted({price // UNIT for _, price, _ in shown})
            what = f"{shelf.product_id} {place}: versions {versions}, told up to {shelf.told}, seen {floor.version}"
            torn = len(versions) > 1 or not versions or versions[0] > floor.version
            self._violate("no half observation" if torn else "no version comes back", f"{what}, {sorted(shown)}")
        else:
            newest.version = max(newest.version, version)

    def _violate(self, invariant: str, story: str) -> None:
        self._record.violate(invariant, story)


def version_of(shelf: Shelf, shown: Shown, at_least: int) -> int | None:
    """Return the first version, from this one on, that shows exactly these offers."""
    if shown:
        versions = {price // UNIT for _, price, _ in shown}
        candidates = range(min(versions), min(versions) + 1)
    else:
        candidates = range(at_least, shelf.told + 1)
    for version in candidates:
        if at_least <= version <= shelf.told and in_stock(shelf.product_id, version) == shown:
            return version
    return None


class Reader:
    """One reader, one read at a time."""

    def __init__(self, number: int, seed: int, caller: Caller, catalogue: Catalogue, judge: Judge) -> None:
        self._dice = random.Random(f"reader {number} {seed}")
        self._caller = caller
        self._catalogue = catalogue
        self._judge = judge
        self._cursor: str | None = None

    async def run(self, closing: asyncio.Event) -> None:
        """Read something now and then until the deployment closes."""
        while not closing.is_set():
            kind = self._dice.choices(list(KINDS), list(KINDS.values()))[0]
            entry = self._catalogue.choose_any(self._dice)
            await asyncio.sleep(self._dice.expovariate(READS_PER_SECOND))
            if kind == "list":
                await self._read_page()
            elif entry is not None:
                await self._read(kind, entry)

    async def _read(self, kind: str, entry: Entry) -> None:
        before, floor = (entry.sure, entry.changes), self._judge.seen(entry.id)
        path = f"/products/{entry.id}" + ("/offers" if kind == "offers" else "")
        query = {"in_stock": "any"} if kind == "sold out too" else {}
        answer = await self._caller.call(kind, "GET", path, allowed={DONE, NOT_FOUND}, params=query)
        if answer is None:
            return
        text, sure = entry.text, before == (True, entry.changes)
        if sure and (answer.status_code == NOT_FOUND) != (text is None):
            self._violate(f"{entry.id} should {'not ' if text is None else ''}exist: {answer.status_code}")
        if answer.status_code == NOT_FOUND:
            return
        found = answer.json()
        if sure and kind != "offers" and (found["name"], found["description"]) != text:
            self._violate(f"{entry.id} is {found['name']!r}, {found['description']!r} instead of {text}")
        shown = offers_in_stock(found["items" if kind == "offers" else "offers"])
        self._judge.offers(entry.id, shown, found["observed_at"], floor, f"in {kind}")
        self._judge.past.remember(entry.id, found)
        best = min(shown, key=lambda offer: (offer[1], offer[0]), default=None)
        if kind != "offers" and (best, len(shown)) != (_best(found), found["offers_in_stock"]):
            self._caller.record.violate("no half observation", f"{entry.id} {_best(found)} is best of {sorted(shown)}")

    async def _read_page(self) -> None:
        entries = self._catalogue.entries
        before = {id: (entry.changes, self._judge.seen(id)) for id, entry in entries.items() if entry.sure}
        query = {"limit": "50"} | ({"cursor": self._cursor} if self._cursor else {})
        began = time.time()
        answer = await self._caller.call("list", "GET", "/products", allowed={DONE}, params=query)
        if answer is None:
            return
        page = answer.json()
        self._cursor = page["next"]
        ids = [UUID(item["id"]) for item in page["items"]]
        if len(set(ids)) < len(ids):
            self._violate("a page shows a product twice")
        for id, item in zip(ids, page["items"], strict=True):
            entry = entries.get(id)
            if entry is None:
                self._violate(f"nobody created {id}, listed at {began}")
            elif id in before and entry.sure and entry.changes == before[id][0]:
                if (item["name"], item["description"]) != entry.text:
                    self._violate(f"{id} is listed as {item['name']!r} instead of {entry.text}")
                self._judge_best(id, item, before[id][1])

    def _judge_best(self, product_id: UUID, item: Json, floor: Seen) -> None:
        """The list shows the best offer and the number of offers: these must belong to one version, too."""
        best = _best(item)
        shown: Shown = frozenset()
        if best is not None:
            version = in_stock(product_id, best[1] // UNIT)
            fits = best == min(version, key=lambda offer: (offer[1], offer[0]), default=None)
            shown = version if fits and len(version) == item["offers_in_stock"] else frozenset({best})
        self._judge.offers(product_id, shown, item["observed_at"], floor, "in a list")

    def _violate(self, story: str) -> None:
        self._caller.record.violate("what was acknowledged is shown", story)


def _best(item: Json) -> tuple[str, int, int] | None:
    best = item["best_offer"]
    return best and (best["id"], best["price"], best["items_in_stock"])


def offers_in_stock(rows: list[Json]) -> Shown:
    """Return the offers of an answer that are not sold out."""
    return frozenset((row["id"], row["price"], row["items_in_stock"]) for row in rows if row["items_in_stock"])
