"""The answers about a product's prices are the observed ones, with the gaps, and later events do not change them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
import pytest

from application.synchronisation.timing import Timing
from e2e.clients import Json
from e2e.divided_worker import Durations
from e2e.ledger import assert_sound
from e2e.processes import eventually
from e2e.system import System

SECOND = timedelta(seconds=1)
DURATIONS = Durations(Timing(refresh_interval=SECOND, tick=0.1, group_age=0.1, probe_after=0.1))
OTHER_INTERVAL = 4.0
FOR_EVER = "9999-01-01T00:00:00Z"
ANSWERS = ("price-history", "price-change", "price-statistics")


@dataclass
class Watched:
    """A product whose only offer is dictated, and the points that its history must have because of that."""

    system: System
    id: str
    points: list[Json] = field(default_factory=list)

    def costs(self, price: int) -> None:
        """Let it cost this, and wait until that is shown."""
        self.system.simulator.dictate([self.id], price)
        product = self.shown(lambda product: [offer["price"] for offer in product["offers"]] == [price])
        self._add(product["offers"][0]["changed_at"], price, "in_stock")

    def sells_out(self) -> None:
        """End all offers of it, and wait until that is shown."""
        self.system.simulator.dictate([self.id], None)
        self.shown(lambda product: not product["offers"])
        offers = self.system.api.client.get(f"/products/{self.id}/offers?in_stock=any").json()["items"]
        self._add(next(offer["changed_at"] for offer in offers if offer["id"] == self.id), None, "out_of_stock")

    def grows_stale(self) -> None:
        """Wait until three intervals have passed without an observation."""
        stale = self.shown(lambda product: product["stale"])
        known_until = datetime.fromisoformat(stale["observed_at"]) + 3 * SECOND
        self._add(msgspec.to_builtins(known_until), None, "unknown")

    def shown(self, condition: Callable[[Json], object]) -> Json:
        """Wait until the product is shown as it should be."""
        return eventually(lambda: product if condition(product := self.system.api.read(self.id)) else {})

    def insight(self, name: str, end: str, **query: str) -> Json:
        """Return what there is to say about the time since the first dictated price."""
        return self.system.api.insight(self.id, name, self.points[0]["at"], end, **query)

    def _add(self, at: str, price: int | None, state: str) -> None:
        self.points.append({"at": at, "price": price, "state": state})


def known_share(points: list[Json], end: str) -> float:
    times = [datetime.fromisoformat(at) for at in [*(point["at"] for point in points), end]]
    unknown = [times[number + 1] - times[number] for number, point in enumerate(points) if point["state"] == "unknown"]
    return 1 - sum(unknown, timedelta(0)) / (times[-1] - times[0])


def test_steps_gaps_and_selling_out_are_told_as_they_were_observed_and_another_interval_changes_nothing(
    system: System,
) -> None:
    system.start_simulator()
    system.start_api()
    (worker,) = system.start_divided_workers(DURATIONS)
    product = Watched(system, system.api.create("Kettle")["id"])
    for price in (1000, 1100, 900):
        product.costs(price)
    system.simulator.switch(errors={"all": {"status": 503}})
    product.grows_stale()
    system.simulator.switch(errors={})
    product.costs(950)
    before_selling_out = product.points[-1]["at"]
    product.sells_out()
    assert worker.ends_with() == 0
    product.grows_stale()

    history = product.insight("price-history", FOR_EVER, interval="raw")
    assert history["series"] == [{"offer_id": None, "points": product.points}]
    end = history["to"]
    assert product.insight("price-statistics", end)["coverage"] == pytest.approx(
        known_share(product.points, end), abs=0.0001
    )
    change = product.insight("price-change", before_selling_out)
    assert (change["from"]["price"], change["to"]["price"]) == (1000, 950)
    assert (change["change"], change["change_percent"], change["direction"]) == (-50, -5.0, "down")
    offer = system.api.client.get(f"/products/{product.id}/offers/{product.id}").json()
    assert offer["points"] == product.points

    told = {name: product.insight(name, end) for name in ANSWERS}
    system.start_workers(OTHER_INTERVAL)
    system.simulator.dictate([product.id], 700)
    product.shown(lambda product: product["best_offer"] and product["best_offer"]["price"] == 700)
    assert {name: product.insight(name, end) for name in ANSWERS} == told
    assert_sound(system)
