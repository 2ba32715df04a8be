"""Failed logins are limited per address and per account there, before a password is looked at."""

import asyncio
from collections import Counter
from datetime import timedelta

import httpx
import pytest
from argon2 import PasswordHasher

from api_client.api import PASSWORD, USERNAME, Api, Outside, client_of, problem_of, serving
from application.access.login_limits import ACCOUNT_FAILURES, ADDRESS_FAILURES, WINDOW

HERE, THERE = "192.0.2.1", "198.51.100.7"


async def log_in(api: Api, password: str, username: str = USERNAME, address: str = HERE) -> httpx.Response:
    async with client_of(api.app, address) as client:
        return await client.post("/login", json={"username": username, "password": password})


async def fail(api: Api, times: int, username: str = USERNAME, address: str = HERE) -> None:
    for _ in range(times):
        problem_of(await log_in(api, "wrong", username, address), 401, "invalid-credentials")


def test_the_limits_are_those_of_the_contract() -> None:
    assert (ACCOUNT_FAILURES, ADDRESS_FAILURES, timedelta(minutes=1)) == (5, 20, WINDOW)


@pytest.mark.parametrize("username", [USERNAME, "nobody"])
async def test_the_sixth_failure_of_a_minute_is_refused_whether_the_account_exists_or_not(
    api: Api, username: str
) -> None:
    await fail(api, 5, username)
    answer = await log_in(api, "wrong", username)
    problem_of(answer, 429, "rate-limited")
    assert answer.headers["Retry-After"] == "60"


async def test_a_refused_login_is_not_looked_at_however_right_it_is(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await fail(api, 5)
    with monkeypatch.context() as patch:
        patch.delattr(PasswordHasher, "verify")
        problem_of(await log_in(api, PASSWORD), 429, "rate-limited")


async def test_nobody_locks_an_account_for_others(api: Api) -> None:
    await fail(api, 5)
    assert (await log_in(api, PASSWORD, address=THERE)).status_code == 200


async def test_another_account_may_be_tried_from_the_same_address(api: Api) -> None:
    await fail(api, 5, "nobody")
    assert (await log_in(api, PASSWORD)).status_code == 200


async def test_an_address_is_refused_after_twenty_failures_whichever_accounts_they_were_for(api: Api) -> None:
    for number in range(20):
        await fail(api, 1, f"account {number}")
    problem_of(await log_in(api, PASSWORD), 429, "rate-limited")
    assert (await log_in(api, PASSWORD, address=THERE)).status_code == 200


async def test_success_is_not_counted_and_forgives_nothing(api: Api) -> None:
    await fail(api, 4)
    for _ in range(25):
        assert (await log_in(api, PASSWORD)).status_code == 200
    await fail(api, 1)
    problem_of(await log_in(api, PASSWORD), 429, "rate-limited")


async def test_the_limit_moves_along_with_the_failures(api: Api) -> None:
    await fail(api, 1)
    api.outside.clock.advance(timedelta(seconds=40))
    await fail(api, 4)
    answer = await log_in(api, "wrong")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "20")
    api.outside.clock.advance(timedelta(seconds=19.5))
    answer = await log_in(api, "wrong")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    api.outside.clock.advance(timedelta(seconds=0.5))
    await fail(api, 1)
    assert (await log_in(api, "wrong")).headers["Retry-After"] == "40"


async def test_refused_logins_do_not_prolong_the_wait(api: Api) -> None:
    await fail(api, 5)
    for _ in range(10):
        api.outside.clock.advance(timedelta(seconds=6))
        await log_in(api, PASSWORD)
    assert (await log_in(api, PASSWORD)).status_code == 200


async def test_guesses_sent_at_the_same_time_are_counted_like_others(api: Api) -> None:
    answers = await asyncio.gather(*(log_in(api, "wrong") for _ in range(12)))
    assert Counter(answer.status_code for answer in answers) == {401: 5, 429: 7}


async def test_replicas_count_together() -> None:
    outside = Outside()
    async with serving(outside) as first, serving(outside) as second:
        await fail(first, 3)
        await fail(second, 2)
        problem_of(await log_in(first, PASSWORD), 429, "rate-limited")


async def test_a_body_that_is_no_login_is_no_failure(api: Api) -> None:
    for _ in range(25):
        assert (await log_in(api, "x" * 2_000)).status_code == 422
    assert (await log_in(api, PASSWORD)).status_code == 200


async def test_what_was_typed_is_not_stored(api: Api) -> None:
    await fail(api, 1, username="a password in the wrong field" * 8)
    (row,) = api.outside.login_failures.rows
    assert (len(row.account), row.address) == (32, HERE)
    assert b"password" not in row.account


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("socket", "", True),
    ],
)
async def test_an_ipv6_network_counts_as_one_address(api: Api, first: str, second: str, same: bool) -> None:
    await fail(api, 5, address=first)
    assert (await log_in(api, PASSWORD, address=second)).status_code == (429 if same else 200)


async def test_without_the_database_nobody_gets_in(api: Api) -> None:
    api.outside.storage.away = True
    answer = await log_in(api, PASSWORD)
    problem_of(answer, 503, "database-unavailable")
    assert int(answer.headers["Retry-After"]) > 0
