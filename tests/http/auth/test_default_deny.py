"""Every route is for admins unless it is listed; the answer does not show why a token is refused."""

import math
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from api_client.api import MISSING, SECRET, Api, Outside, problem_of, serving
from api_client.routes import PUBLIC_ROUTES, WIDENED, filled, is_page, routes
from entrypoints.http.auth.access_tokens import ALGORITHM, AUDIENCE, ISSUER, LEEWAY, TYPE, VERSION
from entrypoints.http.route_declarations import declaration_of
from fakes.storage import NOON

OTHER_SECRET = "another signing key, as long as ours is"
OURS = jwt.decode(Outside().authorization().split()[1], options={"verify_signature": False})[VERSION]


def claims(**changes: Any) -> dict[str, Any]:
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "admin",
        "iat": NOON,
        "exp": NOON + timedelta(hours=1),
        "jti": str(uuid4()),
        VERSION: OURS,
    }
    return good | changes


def signed(payload: dict[str, Any], key: str = SECRET, algorithm: str = ALGORITHM, typ: str | None = TYPE) -> str:
    return f"Bearer {jwt.encode(payload, key, algorithm, headers={'typ': typ})}"


def without(claim: str) -> dict[str, Any]:
    return {name: value for name, value in claims().items() if name != claim}


A_MINUTE, A_SECOND = timedelta(minutes=1), timedelta(seconds=1)
NO_TIMES: tuple[object, ...] = ("noon", "", None, True, [], math.inf, math.nan)
TOO_FAR_AHEAD = NOON + (LEEWAY + 1) * A_SECOND
NO_TOKEN = {
    "no token": None,
    "nothing": "",
    "another scheme": signed(claims()).replace("Bearer", "Basic"),
    "token without scheme": signed(claims()).removeprefix("Bearer "),
}
BAD_TOKEN = {
    "scheme only": "Bearer",
    "garbage": "Bearer garbage",
    "garbage in three parts": "Bearer a.b.c",
    "binary": "Bearer \xff\xfe",
    "two tokens": f"{signed(claims())} {signed(claims())}",
    "expired": signed(claims(exp=NOON - A_MINUTE)),
    "just expired": signed(claims(exp=NOON)),
    "issued in the future": signed(claims(iat=TOO_FAR_AHEAD)),
    "not valid yet": signed(claims(nbf=TOO_FAR_AHEAD)),
    **{
        f"{claim} is {value!r}": signed(claims(**{claim: value}))
        for claim in ("exp", "iat", "nbf")
        for value in NO_TIMES
    },
    "unsigned": signed(claims(), key="", algorithm="none"),
    "signature cut off": signed(claims()).rpartition(".")[0] + ".",
    "wrong key": signed(claims(), key=OTHER_SECRET),
    "wrong algorithm": signed(claims(), key=SECRET * 2, algorithm="HS512"),
    "right key, wrong algorithm": signed(claims(), algorithm="HS384", key=SECRET + "0" * 16),
    "wrong audience": signed(claims(aud="someone-else")),
    "wrong issuer": signed(claims(iss="someone-else")),
    "wrong type": signed(claims(), typ="JWT"),
    "no type": signed(claims(), typ=None),
    **{f"no {claim}": signed(without(claim)) for claim in ("iss", "aud", "sub", "iat", "exp", "jti", VERSION)},
    "of somebody else": signed(claims(sub="somebody")),
    "of an earlier password": signed(claims(ver=OURS[::-1])),
    "of no version": signed(claims(ver=None)),
}
REFUSED = NO_TOKEN | BAD_TOKEN
CHALLENGE = 'Bearer realm="product-aggregator"'


def protected(app: Litestar) -> list[tuple[str, str]]:
    return [
        (method, filled(template))
        for method, template in routes(app)
        if (method, template) not in PUBLIC_ROUTES and method != "OPTIONS"
    ]


def declared_public(app: Litestar) -> set[tuple[str, str]]:
    return {
        (method, route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute) and not is_page(route.path_format)
        for handler in route.route_handlers
        if declaration_of(handler.opt).public
        for method in handler.http_methods
        if method != "OPTIONS"  # Litestar adds it to each path
    }


def headers(authorization: str | None) -> httpx.Headers:
    return httpx.Headers({} if authorization is None else {b"authorization": authorization.encode("latin-1")})


def seen(answer: httpx.Response) -> tuple[dict[str, Any], dict[str, str]]:
    """Return all that a caller sees of a refusal but the ids, which are others for each request."""
    problem = problem_of(answer, 401, "unauthenticated") if answer.request.method != "HEAD" else {}
    return problem | {"instance": "", "request_id": ""}, dict(answer.headers) | {"x-request-id": ""}


def test_the_public_routes_are_those_of_the_contract_and_all_exist(api: Api) -> None:
    assert set(routes(api.app)) >= PUBLIC_ROUTES
    assert declared_public(api.app) == PUBLIC_ROUTES
    writing = {route for route in PUBLIC_ROUTES if route[0] not in ("GET", "HEAD")}
    assert writing == {("POST", "/login")}
    assert ("GET", "/products/{product_id}/synchronisation") not in PUBLIC_ROUTES


@pytest.mark.parametrize("authorization", REFUSED.values(), ids=REFUSED)
async def test_no_other_route_answers_without_a_valid_token(
    api: Api, customer: httpx.AsyncClient, authorization: str | None
) -> None:
    for method, path in protected(api.app):
        refusal = await customer.request(method, path, headers=headers(authorization))
        assert refusal.status_code == 401, (method, path)


@pytest.mark.parametrize(
    ("refused", "challenge"), [(NO_TOKEN, CHALLENGE), (BAD_TOKEN, f'{CHALLENGE}, error="invalid_token"')]
)
async def test_every_refusal_looks_the_same_whatever_is_wrong_with_the_token(
    api: Api, customer: httpx.AsyncClient, refused: dict[str, str | None], challenge: str
) -> None:
    """Whether there is a token does show (RFC 6750, section 3.1)."""
    refusals = []
    for authorization in refused.values():
        given = headers(authorization)
        refusals += [seen(await customer.request(*route, headers=given)) for route in protected(api.app)]
    assert len(refusals) > len(refused)
    assert all(refusal == refusals[0] for refusal in refusals)
    assert refusals[0][1]["www-authenticate"] == challenge


@pytest.mark.parametrize("path", ["", "/", "/x", "/openapi.yaml", "/openapi.json/x", "/a/b", "/redoc", "/elements"])
async def test_beside_the_description_there_is_nothing_for_anybody(
    api: Api, customer: httpx.AsyncClient, path: str
) -> None:
    for client in (api.http, customer):
        for method in ("GET", "HEAD", "POST", "DELETE"):
            answer = await client.request(method, f"/schema{path}", json={} if method == "POST" else None)
            assert answer.status_code == 404, (method, path)
            if method != "HEAD":
                problem_of(answer, 404, "not-found")


async def test_a_valid_token_opens_every_protected_route(api: Api) -> None:
    for method, path in protected(api.app):
        assert (await api.http.request(method, path)).status_code != 401, (method, path)


async def test_public_routes_need_no_token_and_mind_no_bad_one(api: Api, customer: httpx.AsyncClient) -> None:
    for method, template in PUBLIC_ROUTES:
        for authorization in (None, *([] if (method, template) in WIDENED else ["Bearer garbage"])):
            answer = await customer.request(method, filled(template), headers=headers(authorization))
            assert answer.status_code != 401, (method, template)


async def test_the_scheme_of_a_token_may_be_in_any_case(api: Api, customer: httpx.AsyncClient) -> None:
    answer = await customer.delete(
        f"/products/{MISSING}", headers={"Authorization": signed(claims()).replace("Bearer", "bEARER")}
    )
    problem_of(answer, 404, "product-not-found")


async def test_a_token_is_accepted_until_the_end_of_its_lifetime(api: Api, customer: httpx.AsyncClient) -> None:
    headers = {"Authorization": api.outside.authorization(lifetime=A_MINUTE)}
    path = f"/products/{MISSING}/synchronisation"
    assert (await customer.get(path, headers=headers)).status_code == 404
    api.outside.clock.advance(59 * A_SECOND)
    assert (await customer.get(path, headers=headers)).status_code == 404
    api.outside.clock.advance(A_SECOND)
    problem_of(await customer.get(path, headers=headers), 401, "unauthenticated")


@pytest.mark.parametrize("claim", ["iat", "nbf"])
async def test_a_token_of_a_replica_whose_clock_is_a_little_ahead_is_accepted(
    customer: httpx.AsyncClient, claim: str
) -> None:
    token = signed(claims(**{claim: NOON + LEEWAY * A_SECOND}))
    answer = await customer.delete(f"/products/{MISSING}", headers={"Authorization": token})
    problem_of(answer, 404, "product-not-found")


async def test_what_one_replica_issues_another_accepts_whose_clock_is_two_seconds_behind() -> None:
    ahead, behind = Outside(), Outside()
    ahead.clock.advance(2 * A_SECOND)
    async with serving(ahead) as issuer, serving(behind) as other:
        token = (await issuer.log_in()).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        problem_of(await other.http.delete(f"/products/{MISSING}", headers=headers), 404, "product-not-found")


async def test_a_refused_caller_learns_nothing_about_what_exists(api: Api, customer: httpx.AsyncClient) -> None:
    there = (await api.create())["id"]
    refusals = [await customer.patch(f"/products/{id}", content=b"{") for id in (there, MISSING)]
    assert seen(refusals[0]) == seen(refusals[1])
