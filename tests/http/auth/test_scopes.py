"""All routes, each called by everybody: without credentials, as an admin, with the right key and with all others."""

import re

import httpx
from structlog.testing import capture_logs

from api_client.api import Api, problem_of
from api_client.routes import PUBLIC_ROUTES, SCOPES, WIDENED, filled, routes
from application.access.actor import Scope
from application.access.key_text import new_key


async def key_for(api: Api, *scopes: str) -> dict[str, str]:
    """Make a key, and return the headers of its holder."""
    answer = await api.http.post("/keys", json={"name": "Test", "scopes": list(scopes)})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['key']}"}


def _for_few(method: str, path: str) -> str:
    # A stream that is let in is refused for its cursor: it would not end.
    return "type=alert.firing&after=refused" if (method, path) in WIDENED else "attention=true"


def protected(api: Api) -> list[tuple[str, str, str | None]]:
    """Return method, path and scope of all routes that are not for all."""
    found = [
        (method, filled(template), SCOPES.get((method, template)))
        for method, template in routes(api.app)
        if method != "OPTIONS" and (method, template) not in PUBLIC_ROUTES
    ]
    with_attention = [
        (method, f"{path}?{_for_few(method, path)}", scope)
        for (method, path), scope in SCOPES.items()
        if (method, path) in PUBLIC_ROUTES
    ]
    found += with_attention
    return found + [("HEAD", path, scope) for method, path, scope in found if method == "GET"]


def refused(answer: httpx.Response, status: int, slug: str) -> None:
    if answer.request.method == "HEAD":
        assert (answer.status_code, answer.content) == (status, b"")
    else:
        problem_of(answer, status, slug)


async def test_every_route_lets_in_whom_it_should(api: Api, customer: httpx.AsyncClient) -> None:
    each = {str(scope): await key_for(api, scope) for scope in Scope}
    others = {scope: await key_for(api, *(other for other in Scope if other != scope)) for scope in each}
    every = await key_for(api, *Scope)
    tried = protected(api)
    assert len(tried) >= len(SCOPES) + 3
    for method, path, scope in tried:
        refused(await customer.request(method, path), 401, "unauthenticated")
        assert (await api.http.request(method, path)).status_code not in (401, 403), (method, path)
        if scope is None:
            answer = await customer.request(method, path, headers=every)
            refused(answer, 403, "forbidden")
            assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'
        else:
            let_in = await customer.request(method, path, headers=each[scope])
            assert let_in.status_code not in (401, 403), (method, path)
            answer = await customer.request(method, path, headers=others[scope])
            refused(answer, 403, "forbidden")
            assert answer.headers["WWW-Authenticate"] == f'Bearer error="insufficient_scope", scope="{scope}"'


async def test_the_scopes_are_those_of_the_contract_and_each_route_exists(api: Api) -> None:
    assert set(routes(api.app)) >= SCOPES.keys()
    assert set(SCOPES.values()) == set(Scope)
    assert {str(scope) for scope in Scope} == {
        *("catalogue:write", "synchronisation:read", "webhooks:write", "alerts:read", "alerts:write", "audit:read")
    }


async def test_public_routes_mind_no_key_and_look_none_up(api: Api, customer: httpx.AsyncClient) -> None:
    api.outside.storage.away = True
    for method, template in PUBLIC_ROUTES - {("POST", "/login")} - WIDENED:
        path = filled(template)
        without = await customer.request(method, path)
        given = await customer.request(method, path, headers={"Authorization": f"Bearer {new_key()}"})
        assert given.status_code == without.status_code, (method, path)


async def test_every_bad_key_gets_the_identical_refusal(api: Api, customer: httpx.AsyncClient) -> None:
    created = (await api.http.post("/keys", json={"name": "Test", "scopes": ["audit:read"]})).json()
    await api.http.delete(f"/keys/{created['id']}")
    revoked = created["key"]
    bad = (revoked, new_key(), revoked[:-1], revoked + "A", "pak_", "pak_ä", revoked[:20].upper(), "no key", "a.b.c")
    refusals = []
    for text in bad:
        headers = {b"Authorization": f"Bearer {text}".encode("latin-1")}
        answer = await customer.get("/audit", headers=headers)
        problem = problem_of(answer, 401, "unauthenticated") | {"instance": "", "request_id": ""}
        refusals.append((problem, {**answer.headers, "x-request-id": ""}))
    assert all(refusal == refusals[0] for refusal in refusals)
    assert refusals[0][1]["www-authenticate"] == 'Bearer realm="product-aggregator", error="invalid_token"'


async def test_without_a_database_a_key_is_no_longer_known(api: Api, customer: httpx.AsyncClient) -> None:
    headers = await key_for(api, "audit:read")
    api.outside.storage.away = True
    problem_of(await customer.get("/audit", headers=headers), 503, "database-unavailable")


async def test_a_request_with_a_key_is_logged_under_the_keys_id(api: Api, customer: httpx.AsyncClient) -> None:
    created = (await api.http.post("/keys", json={"name": "Test", "scopes": ["audit:read"]})).json()
    with capture_logs() as lines:
        await customer.get("/audit", headers={"Authorization": f"Bearer {created['key']}"})
    assert [line["actor"] for line in lines] == [created["id"]]
    assert not re.search(created["key"][13:], str(lines))


async def test_keys_and_admins_have_idempotency_keys_of_their_own(api: Api, customer: httpx.AsyncClient) -> None:
    body = {"name": "Kettle", "description": ""}
    repeated = {"Idempotency-Key": "one"}
    headers = await key_for(api, "catalogue:write")
    assert (await customer.post("/products", json=body, headers=headers | repeated)).status_code == 201
    again = await customer.post("/products", json=body, headers=headers | repeated)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    problem_of(await api.http.post("/products", json=body, headers=repeated), 409, "product-already-exists")
