"""The audit log over HTTP."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from api_client.api import PASSWORD, Api, parameters, problem_of, shown
from fakes.storage import NOON

A_MINUTE = timedelta(minutes=1)


async def read(client: httpx.AsyncClient, path: str = "/audit", **query: str) -> dict[str, Any]:
    answer = await client.get(path, params=query)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store"), answer.text
    page: dict[str, Any] = answer.json()
    return page


async def test_a_write_of_a_key_is_recorded_with_its_request(api: Api, customer: httpx.AsyncClient) -> None:
    key = (await api.http.post("/keys", json={"name": "Import", "scopes": ["catalogue:write"]})).json()
    headers = {"Authorization": f"Bearer {key['key']}", "X-Request-Id": "import.7"}
    product = (await api.create())["id"]
    await customer.patch(f"/products/{product}", json={"name": "Pot"}, headers=headers)
    (amended,) = (await read(api.http, action="product.amended"))["items"]
    assert amended.pop("id")
    assert amended == {
        "at": shown(NOON),
        "actor": {"kind": "key", "id": key["id"], "name": "Import"},
        "action": "product.amended",
        "subject": {"kind": "product", "id": product},
        "before": {"name": "Kettle"},
        "after": {"name": "Pot"},
        "request_id": "import.7",
        "address": "127.0.0.1",
    }
    assert len((await read(api.http))["items"]) == 3
    assert key["key"][13:] not in str(await read(api.http))


async def test_logins_are_recorded_if_they_succeed(api: Api) -> None:
    await api.log_in()
    await api.log_in("wrong")
    (record,) = (await read(api.http))["items"]
    assert (record["action"], record["actor"]) == (
        "admin.logged_in",
        {"kind": "admin", "id": "admin", "name": "admin"},
    )
    assert (record["subject"], record["before"], record["after"]) == (None, None, None)
    assert PASSWORD not in str(record)


async def test_pages_follow_each_other(api: Api) -> None:
    ids = []
    for number in range(5):
        ids.append((await api.create(f"Kettle {number}"))["id"])
        api.outside.clock.advance(A_MINUTE)
    walked: list[str] = []
    answer = await api.http.get("/audit", params={"limit": 2, "action": "product.created"})
    while True:
        walked += [record["subject"]["id"] for record in answer.json()["items"]]
        if answer.json()["next"] is None:
            break
        answer = await api.http.get(answer.links["next"]["url"])
        assert answer.status_code == 200
    assert walked == ids[::-1]
    assert "Link" not in answer.headers


async def test_filters_select(api: Api) -> None:
    product = (await api.create())["id"]
    api.outside.clock.advance(A_MINUTE)
    await api.http.delete(f"/products/{product}")
    for query, actions in (
        ({"actor": "admin"}, ["product.withdrawn", "product.created"]),
        ({"actor": "nobody"}, []),
        ({"subject_id": product, "action": "product.created"}, ["product.created"]),
        ({"from": shown(NOON + A_MINUTE)}, ["product.withdrawn"]),
        ({"to": "2026-03-14T13:01:00+01:00"}, ["product.created"]),
    ):
        assert [record["action"] for record in (await read(api.http, **query))["items"]] == actions, query


async def test_a_cursor_belongs_to_its_filters_and_to_this_list(api: Api) -> None:
    for number in range(3):
        await api.create(f"Kettle {number}")
    cursor = (await read(api.http, limit="1"))["next"]
    of_products = (await api.http.get("/products?limit=1")).json()["next"]
    for query in ({"cursor": cursor, "actor": "admin"}, {"cursor": of_products}, {"cursor": "A"}, {"cursor": "ä"}):
        problem_of(await api.http.get("/audit", params=query), 400, "cursor-mismatch")
    problem_of(await api.http.get("/products", params={"cursor": cursor}), 400, "cursor-mismatch")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "101"),
        ("action", "product.read"),
        ("from", "yesterday"),
        ("to", "2026-03-14T12:00:00"),
        ("since", "2026-03-14T12:00:00Z"),
        ("actor", "a" * 256),
    ],
)
async def test_a_wrong_value_is_refused(api: Api, name: str, value: str) -> None:
    answer = await api.http.get("/audit", params={name: value})
    assert parameters(problem_of(answer, 422, "validation-error")) == [name]
