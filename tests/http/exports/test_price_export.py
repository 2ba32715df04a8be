"""GET /exports/price-history.ndjson and .csv: every step of many products' best prices, filling the window."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

from api_client.api import HOUR, MISSING, Api, ask, parameters, problem_of, shown
from domain.offer import Offer
from fakes.storage import NOON

NDJSON, CSV = "/exports/price-history.ndjson", "/exports/price-history.csv"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


async def exported(
    client: httpx.AsyncClient, start: datetime | None = None, end: datetime | None = None, *ids: UUID
) -> list[Any]:
    window = {name: shown(at) for name, at in (("from", start), ("to", end)) if at is not None}
    query = {**window, "id": [str(id) for id in ids]}
    answer = await client.get(NDJSON, params=query)
    assert answer.status_code == 200, answer.text
    table = await client.get(CSV, params=query)
    rows = list(csv.DictReader(io.StringIO(table.text, newline=""), strict=True))
    steps = [msgspec.json.decode(line) for line in answer.content.splitlines()]
    assert rows == [{name: "" if value is None else str(value) for name, value in step.items()} for step in steps]
    return steps


async def test_the_steps_of_each_product_are_its_price_history(api: Api, customer: httpx.AsyncClient) -> None:
    """At midnight, where steps are recorded apart, in a gap, sold out, and before the first observation."""
    prices = ((100, 11 * HOUR), (100, 3 * HOUR), (None, 5 * HOUR), (90, 9 * HOUR), (90, HOUR))
    ids = [await api.create_observed(*prices, interval=2 * HOUR, name=name) for name in ("Kettle", "Pan")]
    ids.append(UUID((await api.create("Never observed"))["id"]))
    start, end = NOON - HOUR, NOON + 40 * HOUR
    found = await exported(customer, start, end)
    assert [step["product_id"] for step in found] == sorted(step["product_id"] for step in found)
    for id in ids:
        steps = [step for step in found if step["product_id"] == str(id)]
        history = await ask(customer, f"/products/{id}/price-history", start, end, interval="raw")
        points = [{"at": step["from"], "price": step["price"], "state": step["state"]} for step in steps]
        assert points == history["series"][0]["points"]
        assert [step["to"] for step in steps] == [*(step["from"] for step in steps[1:]), history["to"]]


async def test_the_step_in_force_says_until_when_it_is_known(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((100, MINUTE), interval=HOUR)
    known_until, now = shown(NOON + 3 * HOUR), NOON + MINUTE
    before, in_force = await exported(customer, NOON - HOUR)
    assert (before["state"], before["to"], before["known_until"]) == ("unknown", shown(NOON), None)
    assert in_force == {
        "product_id": str(id),
        "from": shown(NOON),
        "to": shown(now),
        "state": "in_stock",
        "price": 100,
        "known_until": known_until,
    }
    api.outside.clock.advance(4 * HOUR)
    _, in_force, unknown = await exported(customer, NOON - HOUR)
    assert (in_force["to"], in_force["known_until"]) == (known_until, known_until)
    assert (unknown["from"], unknown["state"], unknown["known_until"]) == (known_until, "unknown", None)


async def test_only_chosen_products_come(api: Api, customer: httpx.AsyncClient) -> None:
    ids = [await api.create_observed((100, MINUTE), name=name) for name in ("Kettle", "Pan", "Pot")]
    assert {step["product_id"] for step in await exported(customer, None, None, ids[0], ids[2], MISSING)} == {
        str(ids[0]),
        str(ids[2]),
    }
    assert await exported(customer, None, None, MISSING) == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", [NDJSON, CSV])
async def test_a_window_has_31_days_at_most_and_begins_where_steps_are_kept(
    customer: httpx.AsyncClient, api: Api, path: str, method: str
) -> None:
    api.outside.clock.now = NOON.replace(hour=0) + DAY
    midnight = api.outside.clock.now
    longest = {"from": shown(midnight - 30 * DAY), "to": shown(midnight + DAY)}
    assert (await customer.request(method, path, params=longest)).status_code == 200
    for window, status, slug in (
        ({"from": shown(midnight - 31 * DAY - MINUTE), "to": shown(midnight)}, 422, "window-too-large"),
        ({"from": shown(midnight - 35 * DAY - MINUTE), "to": shown(midnight - 30 * DAY)}, 422, "beyond-retention"),
        ({"from": shown(midnight), "to": shown(midnight - MINUTE)}, 422, "validation-error"),
        ({"from": "yesterday"}, 422, "validation-error"),
    ):
        answer = await customer.request(method, path, params=window)
        assert answer.status_code == status
        if method == "GET":
            problem = problem_of(answer, status, slug)
            assert slug != "validation-error" or parameters(problem) == ["from"]


async def test_a_price_is_a_number_of_the_table(api: Api, customer: httpx.AsyncClient) -> None:
    id = UUID((await api.create())["id"])
    await api.outside.observe(id, Offer(id, 100, 1))
    api.outside.clock.advance(MINUTE)
    assert ',"in_stock",100,"' in (await customer.get(CSV, params={"from": shown(NOON)})).text
