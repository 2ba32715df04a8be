"""Keys over HTTP: made, listed, used and revoked."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from api_client.api import MISSING, Api, pointers, problem_of, shown
from fakes.storage import NOON

A_DAY = timedelta(days=1)
BODY: dict[str, Any] = {"name": " Nightly import ", "scopes": ["catalogue:write", "audit:read", "audit:read"]}


async def test_a_key_is_shown_once_and_listed_without_its_text(api: Api) -> None:
    answer = await api.http.post("/keys", json=BODY | {"expires_at": "2026-03-15T13:00:00+01:00"})
    created = answer.json()
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert created["prefix"] == created["key"][:12]
    (listed,) = (await api.http.get("/keys")).json()["items"]
    assert created["key"][13:] not in str(listed)
    assert listed == {name: value for name, value in created.items() if name != "key"} | {
        "last_used_at": None,
        "revoked_at": None,
    }
    assert (listed["name"], listed["scopes"]) == ("Nightly import", ["audit:read", "catalogue:write"])
    assert (listed["created_at"], listed["expires_at"]) == (shown(NOON), shown(NOON + A_DAY))


async def test_a_key_does_what_it_is_for_until_it_is_revoked(api: Api, customer: httpx.AsyncClient) -> None:
    created = (await api.http.post("/keys", json=BODY)).json()
    customer.headers["Authorization"] = f"Bearer {created['key']}"
    product = await customer.post("/products", json={"name": "Kettle", "description": ""})
    assert product.status_code == 201
    assert (await customer.delete(f"/products/{product.json()['id']}")).status_code == 204
    revoked = await api.http.delete(f"/keys/{created['id']}")
    assert (revoked.status_code, revoked.content) == (204, b"")
    (listed,) = (await api.http.get("/keys")).json()["items"]
    assert (listed["last_used_at"], listed["revoked_at"]) == (shown(NOON), shown(NOON))
    assert (await api.http.delete(f"/keys/{created['id']}")).status_code == 204


async def test_an_expired_key_is_refused(api: Api, customer: httpx.AsyncClient) -> None:
    body = BODY | {"expires_at": shown(NOON + A_DAY)}
    headers = {"Authorization": f"Bearer {(await api.http.post('/keys', json=body)).json()['key']}"}
    api.outside.clock.advance(A_DAY)
    problem_of(await customer.get("/audit", headers=headers), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"name": " "}, "/name"),
        ({"name": 7}, "/name"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["catalogue:read"]}, "/scopes"),
        ({"scopes": None}, "/scopes"),
        ({"expires_at": shown(NOON)}, "/expires_at"),
        ({"expires_at": "2026-03-20T12:00:00"}, "/expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "/expires_at"),
        ({"expires_at": "soon"}, "/expires_at"),
        ({"expires_at": None}, "/expires_at"),
        ({"key": "pak_mine"}, "/key"),
    ],
)
async def test_a_wrong_value_is_pointed_at(api: Api, changes: dict[str, Any], pointer: str) -> None:
    answer = await api.http.post("/keys", json=BODY | changes)
    assert pointers(problem_of(answer, 422, "validation-error")) == [pointer]
    assert (await api.http.get("/keys")).json() == {"items": []}


async def test_there_is_no_other_key(api: Api) -> None:
    problem = problem_of(await api.http.delete(f"/keys/{MISSING}"), 404, "not-found")
    assert problem["detail"] == f"There is no key with the id {MISSING}."
