"""Answers as they were given, to be compared with what is answered of their times afterwards."""

import random
from typing import Any
from uuid import UUID

import httpx

from chaos.catalogue import Catalogue
from chaos.record import Record

MOST = 3_000
DONE, NOT_FOUND, UNAVAILABLE = 200, 404, 503

Json = dict[str, Any]


class Past:
    """What was answered of products and their offers, by product and time of observation."""

    def __init__(self, seed: int, record: Record) -> None:
        self._dice = random.Random(f"past {seed}")
        self._record = record
        self._answers: dict[tuple[UUID, str], Json] = {}

    def remember(self, product_id: UUID, answer: Json) -> None:
        """Keep an answer, unless it was stale: history says that the time after an observation's trust is unknown."""
        if answer["observed_at"] is not None and not answer["stale"]:
            self._answers[product_id, answer["observed_at"]] = answer

    def compare(self, api: httpx.Client, catalogue: Catalogue) -> None:
        """Ask for the past again; every difference is a violation."""
        answers = sorted(self._answers.items(), key=lambda each: each[0])
        for (id, at), answer in self._dice.sample(answers, min(MOST, len(answers))):
            path = f"/products/{id}" + ("/offers" if "items" in answer else "")
            asked = api.get(path, params={"at": at})
            if asked.status_code == NOT_FOUND and catalogue.entries[id].text is None:
                continue
            if asked.status_code != DONE:
                self._violate(f"{path}?at={at}: {asked.status_code} {asked.text[:300]}")
                continue
            self._record.count("past answers compared")
            self._record.count("past answers immutable", "immutable" in asked.headers["Cache-Control"])
            if (then := _facts(answer)) != (now := _facts(asked.json())):
                self._violate(f"{path}?at={at}: {now} instead of {then}")

    def _violate(self, story: str) -> None:
        self._record.violate("the past is what was answered then", story)


def _facts(answer: Json) -> Json:
    """Return what history promises: all but the number of items, the time of an observation, and sold-out offers."""
    offers = answer.get("items", answer.get("offers"))
    facts: Json = {
        "offers": [
            {name: offer[name] for name in ("id", "price", "first_seen_at", "changed_at")}
            for offer in offers or ()
            if offer["items_in_stock"] != 0
        ]
    }
    if "best_offer" in answer:
        best = answer["best_offer"]
        facts |= {"best": best and (best["id"], best["price"]), "in stock": answer["offers_in_stock"]}
    return facts
