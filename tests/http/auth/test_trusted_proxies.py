"""Where a request comes from: its peer, unless that is a trusted proxy, which says for whom it asks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from structlog.testing import capture_logs

from api_client.api import USERNAME, Outside, client_of, serving
from entrypoints.configuration.settings import read_settings
from entrypoints.http.server import server_config
from entrypoints.limits import SERVING

PROXIES = "10.0.0.0/8, 192.0.2.1, fd00::/8"
PROXY, PEER = "10.1.2.3", "203.0.113.9"
CLIENT, OTHER = "198.51.100.7", "198.51.100.8"


@asynccontextmanager
async def asking_from(peer: str, proxies: str) -> AsyncIterator[tuple[httpx.AsyncClient, Outside]]:
    """Give a client of the API as uvicorn serves it, connected from this address."""
    outside = Outside()
    settings = read_settings({"TRUSTED_PROXIES": proxies})
    async with serving(outside) as api:
        config = server_config(api.app, settings, SERVING)
        config.load()
        async with client_of(config.loaded_app, peer) as client:
            yield client, outside


async def counted_as(peer: str, proxies: str, *forwarded: str) -> str:
    """Return as whose the failure of a login counts."""
    async with asking_from(peer, proxies) as (client, outside):
        headers = [("X-Forwarded-For", each) for each in forwarded]
        answer = await client.post("/login", json={"username": USERNAME, "password": "wrong"}, headers=headers)
    assert answer.status_code == 401
    (row,) = outside.login_failures.rows
    return row.address


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        (PEER, [], PEER),
        (PEER, [CLIENT], PEER),
        (PEER, [f"{CLIENT}, {PROXY}"], PEER),
        (PROXY, [], PROXY),
        (PROXY, [CLIENT], CLIENT),
        (PROXY, [f"{OTHER}, {CLIENT}"], CLIENT),
        (PROXY, [f"{OTHER}, {CLIENT}, 192.0.2.1, 10.9.9.9"], CLIENT),
        (PROXY, [OTHER, CLIENT], CLIENT),
        (PROXY, [f"garbage, {CLIENT}"], CLIENT),
        (PROXY, [f"127.0.0.1,{CLIENT}"], CLIENT),
        (PROXY, [f"{CLIENT}:4711"], CLIENT),
        (PROXY, ["garbage"], "unknown"),
        (PROXY, [f"{CLIENT}, unknown"], "unknown"),
        (PROXY, [""], PROXY),
        (PROXY, ["2001:db8::1"], "2001:db8::/64"),
        (PROXY, ["[2001:db8::1]:4711"], "2001:db8::/64"),
        ("fd00::1", [CLIENT], CLIENT),
        ("fe00::1", [CLIENT], "fe00::/64"),
    ],
)
async def test_the_right_most_address_that_no_trusted_proxy_has_counts(
    peer: str, forwarded: list[str], counted: str
) -> None:
    assert await counted_as(peer, PROXIES, *forwarded) == counted


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", PROXY])
async def test_nobody_is_trusted_unless_it_is_set(peer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    assert await counted_as(peer, "", CLIENT) in (peer, "::/64")


async def test_callers_behind_a_proxy_are_limited_apart() -> None:
    wrong = {"username": USERNAME, "password": "wrong"}
    async with asking_from(PROXY, PROXIES) as (client, _):
        answers = [await client.post("/login", json=wrong, headers={"X-Forwarded-For": CLIENT}) for _ in range(6)]
        other = await client.post("/login", json=wrong, headers={"X-Forwarded-For": f"{CLIENT}, {OTHER}"})
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert other.status_code == 401


@pytest.mark.parametrize(
    ("peer", "forwarded", "logged"),
    [
        (PEER, CLIENT, PEER),
        (PROXY, CLIENT, CLIENT),
        (PROXY, "2001:db8::1", "2001:db8::1"),
        (PROXY, "garbage \x1b[31m", "unknown"),
    ],
)
async def test_a_failed_login_is_logged_with_the_whole_address_and_no_name(
    peer: str, forwarded: str, logged: str
) -> None:
    async with asking_from(peer, PROXIES) as (client, _):
        with capture_logs() as lines:
            for _ in range(6):
                await client.post(
                    "/login", json={"username": "geheim", "password": "geheim"}, headers={"X-Forwarded-For": forwarded}
                )
    failed = [line for line in lines if line["event"] == "login failed"]
    assert [(line["address"], line["reason"]) for line in failed] == [
        *[(logged, "wrong credentials")] * 5,
        (logged, "rate limited"),
    ]
    assert "geheim" not in str(lines)
