"""The two things a story talks to over HTTP: the API, as a customer and an admin do, and the simulator's switches."""

import random
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import httpx

from waiting import PATIENCE

ADMIN = {"username": "admin", "password": "admin"}

Json = dict[str, Any]


def free_port() -> int:
    """Return a port that no process listens on, below those that systems give to connections.

    Any connection that is opened before the port is used could take one of those.
    """
    while True:
        port = random.randrange(10_000, 32_768)
        with socket.socket() as candidate, suppress(OSError):
            candidate.bind(("127.0.0.1", port))
            return port


def listens(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


class Api:
    """The API of a running system; the admin logs in when a call first needs it."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE)
        self._token = ""

    @property
    def as_admin(self) -> dict[str, str]:
        """The headers of an admin."""
        if not self._token:
            answer = self.client.post("/login", json=ADMIN)
            assert answer.status_code == 200, answer.text
            self._token = answer.json()["access_token"]
        return {"Authorization": f"Bearer {self._token}"}

    def lives(self) -> bool:
        """Whether it answers at all."""
        try:
            return self.client.get("/health/live").status_code == 200
        except httpx.TransportError:
            return False

    def create(self, name: str) -> Json:
        """Create a product."""
        answer = self.client.post("/products", json={"name": name, "description": ""}, headers=self.as_admin)
        assert answer.status_code == 201, answer.text
        return self._json(answer)

    def read(self, product_id: str) -> Json:
        """Return a product with its offers."""
        answer = self.client.get(f"/products/{product_id}")
        assert answer.status_code == 200, answer.text
        return self._json(answer)

    def insight(self, product_id: str, name: str, start: str, end: str, **query: str) -> Json:
        """Return what there is to say about the prices of a window."""
        answer = self.client.get(f"/products/{product_id}/{name}", params={"from": start, "to": end, **query})
        assert answer.status_code == 200, answer.text
        return self._json(answer)

    def all(self) -> list[Json]:
        """Return every product, page by page."""
        items: list[Json] = []
        cursor: dict[str, str] = {}
        while True:
            answer = self.client.get("/products", params={"limit": 100, **cursor})
            assert answer.status_code == 200, answer.text
            page = answer.json()
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = {"cursor": page["next"]}

    def observed(self, count: int) -> list[Json]:
        """Return all products if there are so many, each registered and observed; else nothing."""
        found = [item for item in self.all() if item["registration"]["state"] == "registered" and item["observed_at"]]
        return found if len(found) == count else []

    @staticmethod
    def _json(answer: httpx.Response) -> Json:
        body: Json = answer.json()
        return body


class Simulator:
    """The routes with which the simulator shows and changes its state."""

    def __init__(self, origin: str) -> None:
        self.client = httpx.Client(base_url=origin, trust_env=False, timeout=PATIENCE)

    def lives(self) -> bool:
        """Whether it answers at all."""
        try:
            return self.client.get("/__control").status_code == 200
        except httpx.TransportError:
            return False

    def switch(self, **faults: Any) -> None:
        """Turn switches."""
        answer = self.client.put("/__control", json=faults)
        assert answer.status_code == 200, answer.text

    def dictate(self, product_ids: Iterable[str], price: int | None) -> None:
        """Show one offer at this price for each of the products, with the product's own id, or none at all."""
        for product_id in product_ids:
            offers = [] if price is None else [{"id": product_id, "price": price, "items_in_stock": 1}]
            assert self.client.put(f"/__offers/{product_id}", json=offers).status_code == 204

    def state(self) -> Json:
        """Return all counters, each product's too."""
        state: Json = self.client.get("/__state", params={"products": "true"}).json()
        return state

    def offers(self, product_id: str) -> list[Json]:
        """Return the offers of a product as the service would show them now."""
        offers: list[Json] = self.client.get(f"/__state/products/{product_id}").json()["offers"]
        return offers

    def offers_calls(self) -> dict[str, int]:
        """Return how often each product's offers were asked for."""
        return {product_id: traffic["offers_calls"] for product_id, traffic in self.state()["products"].items()}

    def auth_calls(self) -> int:
        """Return how often a token was asked for."""
        return len(self.state()["auth_calls"])

    def reset_counters(self) -> None:
        """Count from zero again."""
        assert self.client.delete("/__state").status_code == 204
