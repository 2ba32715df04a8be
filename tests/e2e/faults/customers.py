"""Load on the API: customers who create and read products, and remember every answer that they were given."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from threading import Event

import httpx

from e2e.clients import Api
from waiting import PATIENCE

CREATING, READING = 2, 2
PAUSE = 0.02


def kind(answer: httpx.Response) -> tuple[int, str]:
    """Return the status and, for a problem, its type."""
    return answer.status_code, "" if answer.is_success else answer.json()["type"]


@dataclass
class Answers:
    """What all customers have got so far."""

    created: set[str] = field(default_factory=set)
    kinds: set[tuple[int, str]] = field(default_factory=set)
    last_success: dict[str, float] = field(default_factory=dict)
    without: int = 0

    def take(self, answer: httpx.Response) -> None:
        """Remember one answer."""
        self.kinds.add(kind(answer))
        if answer.is_success:
            self.last_success[answer.request.method] = time.monotonic()
            if answer.request.method == "POST":
                self.created.add(answer.json()["id"])


@contextmanager
def customers(api: Api) -> Iterator[Answers]:
    """Create and list products from several threads while the block runs."""
    headers, url = api.as_admin, str(api.client.base_url)
    answers, enough = Answers(), Event()

    def shop(name: str) -> None:
        with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=PATIENCE) as client:
            for number in count():
                if enough.wait(PAUSE):
                    return
                try:
                    if name:
                        wish = {"name": f"{name} {number}", "description": ""}
                        answers.take(client.post("/products", json=wish))
                    else:
                        answers.take(client.get("/products"))
                except httpx.TransportError:
                    answers.without += 1

    with ThreadPoolExecutor(CREATING + READING) as threads:
        names = [f"Customer {number}'s wish" for number in range(CREATING)] + [""] * READING
        shopping = [threads.submit(shop, name) for name in names]
        try:
            yield answers
        finally:
            enough.set()
            for each in shopping:
                each.result()
