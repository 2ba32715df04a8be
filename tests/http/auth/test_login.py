"""A password against a token, whichever way the password is set."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from argon2 import PasswordHasher
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from api_client.api import (
    MISSING,
    PASSWORD,
    SECRET,
    SETTINGS,
    USERNAME,
    Api,
    Outside,
    client_of,
    pointers,
    problem_of,
    serving,
)
from entrypoints.http.auth.access_tokens import AUDIENCE, ISSUER, AccessTokens
from entrypoints.limits import RequestLimits
from fakes.storage import NOON
from waiting import blocked_threads, let_others_run

CHECKS = RequestLimits().password_checks
PLACES = CHECKS.at_once + CHECKS.waiting


async def test_the_right_credentials_give_a_token_that_nobody_stores(customer: httpx.AsyncClient) -> None:
    answer = await customer.post("/login", json={"username": USERNAME, "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert body == {"access_token": body["access_token"], "token_type": "Bearer", "expires_in": 300}


async def test_the_token_is_a_signed_access_token_with_every_claim(api: Api) -> None:
    token = (await api.log_in()).json()["access_token"]
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "at+jwt"}
    # By the system's clock it has expired long ago.
    ignored: Any = {"verify_exp": False}
    claims = jwt.decode(token, SECRET, ["HS256"], options=ignored, audience=AUDIENCE, issuer=ISSUER)
    assert claims.keys() == {"iss", "aud", "sub", "iat", "exp", "jti", "ver"}
    assert claims["sub"] == USERNAME
    assert claims["exp"] - claims["iat"] == 300
    assert claims["iat"] == NOON.timestamp()


async def test_no_two_tokens_have_the_same_id(api: Api) -> None:
    tokens = [(await api.log_in()).json()["access_token"] for _ in range(2)]
    ids = {jwt.decode(token, options={"verify_signature": False})["jti"] for token in tokens}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("username", "password"),
    [
        (USERNAME, "wrong"),
        (USERNAME, ""),
        (USERNAME, PASSWORD + " "),
        (USERNAME, PASSWORD + "\0"),
        (USERNAME.upper(), PASSWORD),
        ("nobody", PASSWORD),
        ("nobody", "wrong"),
        ("", ""),
        ("ädmin", PASSWORD),
    ],
)
async def test_wrong_credentials_are_refused_alike(customer: httpx.AsyncClient, username: str, password: str) -> None:
    answer = await customer.post("/login", json={"username": username, "password": password})
    problem = problem_of(answer, 401, "invalid-credentials")
    assert problem["detail"].startswith("There is no account with this name and password.")
    assert "token" not in problem["detail"]
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="product-aggregator"'


COMPOSED, DECOMPOSED = "Jos\u00e9 caf\u00e9", "Jose\u0301 cafe\u0301"


@pytest.mark.parametrize("set_", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("typed", [COMPOSED, DECOMPOSED])
async def test_an_accent_may_be_written_either_way(set_: str, typed: str) -> None:
    in_the_clear = {"ADMIN_PASSWORD": set_, "ADMIN_PASSWORD_HASH": ""}
    hashed = {"ADMIN_PASSWORD_HASH": PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(COMPOSED)}
    for password in (in_the_clear, hashed):
        async with serving(Outside(), ADMIN_USERNAME=set_, **password) as api:
            answer = await api.http.post("/login", json={"username": typed, "password": typed})
            assert answer.status_code == 200
            token = answer.json()["access_token"]
            assert jwt.decode(token, options={"verify_signature": False})["sub"] == COMPOSED


async def test_failures_count_for_one_account_however_its_accent_is_written() -> None:
    async with serving(Outside(), ADMIN_USERNAME=COMPOSED) as api:
        statuses = [
            (await api.http.post("/login", json={"username": name, "password": "wrong"})).status_code
            for name in (COMPOSED, DECOMPOSED) * 3
        ]
    assert statuses == [401] * 5 + [429]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, ["/username", "/password"]),
        ({"username": "admin"}, ["/password"]),
        ({"username": "admin", "password": None}, ["/password"]),
        ({"username": 1, "password": "x"}, ["/username"]),
        ({"username": 1, "password": None, "otp": "1"}, ["/username", "/password", "/otp"]),
        ({"username": "admin", "password": "x", "otp": "1"}, ["/otp"]),
        ({"username": "x" * 256, "password": "x"}, ["/username"]),
        ({"username": "admin", "password": "x" * 1025}, ["/password"]),
        ([], [""]),
    ],
)
async def test_a_body_that_is_no_login_is_told_what_is_wrong(
    customer: httpx.AsyncClient, body: object, where: list[str]
) -> None:
    problem = problem_of(await customer.post("/login", json=body), 422, "validation-error")
    assert pointers(problem) == where


async def test_a_password_is_never_repeated(customer: httpx.AsyncClient) -> None:
    answer = await customer.post("/login", json={"username": 1, "password": "geheim"})
    assert "geheim" not in answer.text


@pytest.mark.parametrize("path", ["/login", "/admin/login"])
@pytest.mark.parametrize(("username", "account"), [(USERNAME, USERNAME), ("a password in the wrong field", "unknown")])
async def test_a_failed_login_is_logged_by_its_account_and_without_the_password(
    api: Api, path: str, username: str, account: str
) -> None:
    given = {"username": username, "password": "geheim"}
    body = {"json": given} if path == "/login" else {"data": given}
    with capture_logs([merge_contextvars]) as lines:
        assert (await api.http.post(path, headers={"X-Request-Id": "mine"}, **body)).status_code == 401  # type: ignore[arg-type]
    failed, request = lines
    assert failed == {
        "event": "login failed",
        "log_level": "warning",
        "account": account,
        "address": "127.0.0.1",
        "reason": "wrong credentials",
        "request_id": "mine",
    }
    assert (request["request_id"], request["address"], request["actor"]) == ("mine", "127.0.0.1", None)


async def test_a_set_hash_takes_the_place_of_the_password() -> None:
    async with serving(Outside(), ADMIN_PASSWORD="not this one") as api:
        assert (await api.log_in("not this one")).status_code == 401
        assert (await api.log_in(PASSWORD)).status_code == 200


async def test_a_set_password_works_without_a_hash() -> None:
    async with serving(Outside(), ADMIN_PASSWORD="set in the clear", ADMIN_PASSWORD_HASH="") as api:
        assert (await api.log_in("set in the clear")).status_code == 200
        assert (await api.log_in(PASSWORD)).status_code == 401


async def test_a_damaged_hash_lets_nobody_in() -> None:
    damaged = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)[:-4]
    async with serving(Outside(), ADMIN_PASSWORD_HASH=damaged, ADMIN_PASSWORD=PASSWORD) as api:
        assert (await api.log_in(PASSWORD)).status_code == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"ADMIN_USERNAME": "somebody"},
        {"ADMIN_PASSWORD_HASH": PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)},
        {"ADMIN_PASSWORD_HASH": "", "ADMIN_PASSWORD": PASSWORD},
    ],
)
async def test_a_changed_name_or_password_ends_all_tokens(changed: dict[str, str]) -> None:
    async with serving(Outside()) as before, serving(Outside(), **changed) as after, serving(Outside()) as replica:
        token = (await before.log_in()).json()["access_token"]
        for api, status in ((before, 404), (replica, 404), (after, 401)):
            answer = await api.http.delete(f"/products/{MISSING}", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == status


async def test_the_lifetime_is_as_set() -> None:
    async with serving(Outside(), JWT_LIFETIME="7") as api:
        assert (await api.log_in()).json()["expires_in"] == 7


@pytest.mark.parametrize("username", [USERNAME, "nobody"])
async def test_beyond_a_bound_logins_are_refused_at_once_and_the_others_are_served(api: Api, username: str) -> None:
    """Unknown names take a place too, so they cost as much as known ones. Each address has one check at a time."""
    body = {"username": username, "password": PASSWORD}

    async def log_in(number: int) -> httpx.Response:
        async with client_of(api.app, f"192.0.2.{number}") as client:
            return await client.post("/login", json=body)

    with blocked_threads():
        waiting = {asyncio.create_task(log_in(number)) for number in range(PLACES + 3)}
        while len(waiting) > PLACES:
            answered, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for login in answered:
                problem_of(login.result(), 503, "overloaded")
                assert int(login.result().headers["Retry-After"]) > 0
        assert len(waiting) == PLACES
    expected = {200} if username == USERNAME else {401}
    assert {answer.status_code for answer in await asyncio.gather(*waiting)} == expected
    assert (await api.log_in()).status_code == 200


async def test_guesses_from_one_address_take_one_place_at_a_time(api: Api) -> None:
    wrong = {"username": USERNAME, "password": "wrong"}
    with blocked_threads():
        guesses = [asyncio.create_task(api.http.post("/login", json=wrong)) for _ in range(RequestLimits().forms.each)]
        await let_others_run()
        async with client_of(api.app, "192.0.2.1") as other:
            login = asyncio.create_task(other.post("/login", json={"username": USERNAME, "password": PASSWORD}))
            await let_others_run()
        assert not login.done()
    assert (await login).status_code == 200
    assert {answer.status_code for answer in await asyncio.gather(*guesses)} == {401, 429}


async def test_other_requests_are_served_while_passwords_are_checked(api: Api) -> None:
    with blocked_threads():
        login = asyncio.create_task(api.log_in())
        assert (await api.http.get("/products")).status_code == 200
        assert not login.done()
    assert (await login).status_code == 200


async def test_a_token_of_an_accepted_secret_is_valid_and_new_ones_are_signed_with_the_own() -> None:
    new, old, older = "new" * 11, "old" * 11, "older" * 7
    async with serving(Outside(), JWT_SECRET=new, JWT_SECRETS_ACCEPTED=f"{old}, {older}") as api:
        for secret, status in ((new, 201), (old, 201), (older, 201), ("other" * 7, 401), (f"{old}, {older}", 401)):
            token = _tokens(secret, timedelta(minutes=5)).issue(USERNAME)
            answer = await api.http.post(
                "/products", json={"name": secret, "description": ""}, headers={"Authorization": f"Bearer {token}"}
            )
            assert answer.status_code == status, secret
        issued = (await api.log_in()).json()["access_token"]
        expired = _tokens(old, timedelta(seconds=-1)).issue(USERNAME)
        refused = await api.http.delete(f"/products/{MISSING}", headers={"Authorization": f"Bearer {expired}"})
    jwt.decode(issued, new, ["HS256"], audience=AUDIENCE, options={"verify_exp": False})
    assert refused.status_code == 401


def _tokens(secret: str, lifetime: timedelta) -> AccessTokens:
    credential = SETTINGS["ADMIN_PASSWORD_HASH"]
    return AccessTokens(secret, lifetime, lambda: NOON, admin=USERNAME, credential=credential)
