"""How the server listens, keeps connections and stops."""

import asyncio
import signal
import socket

import httpx
import pytest

from api_client.api import PROBLEM, SETTINGS, InMemoryOutside, Outside, problem_of
from api_client.server import served
from entrypoints.configuration.settings import SettingsError, read_settings
from entrypoints.container import make_container
from entrypoints.http.app import create_app
from entrypoints.http.server import server_config
from entrypoints.limits import SERVING
from entrypoints.listening import listening

LONG = "300"


async def test_sigterm_fails_readiness_first_and_everything_else_goes_on() -> None:
    async with served(DRAIN_SECONDS=LONG) as api, api.client() as client:
        assert (await client.get("/health/ready")).json()["status"] == "ok"
        signal.raise_signal(signal.SIGTERM)
        answer = await client.get("/health/ready")
        assert (answer.status_code, answer.json()["status"]) == (503, "stopping")
        assert answer.json()["database"] == "ok"
        async with api.client() as other:
            for path in ("/products", "/health/live"):
                assert (await other.get(path)).status_code == 200
        assert not api.running.done()


@pytest.mark.parametrize(
    "signals", [[signal.SIGTERM, signal.SIGTERM], [signal.SIGTERM, signal.SIGINT], [signal.SIGINT]]
)
async def test_a_second_signal_or_ctrl_c_ends_it_at_once(signals: list[signal.Signals]) -> None:
    async with served(DRAIN_SECONDS=LONG) as api:
        for each in signals:
            signal.raise_signal(each)
        await api.running
        assert api.bounds == ["bound"]


@pytest.mark.parametrize("seconds", [None, "0", "0.2"])
async def test_after_those_seconds_it_ends_without_a_signal_of_its_own(seconds: str | None) -> None:
    settings = {} if seconds is None else {"DRAIN_SECONDS": seconds}
    async with served(None, SERVING.heads, **settings) as api:
        signal.raise_signal(signal.SIGTERM)
        await api.running
        with pytest.raises(httpx.ConnectError):
            async with api.client() as client:
                await client.get("/health/live")


async def test_every_address_is_of_both_families() -> None:
    if not socket.has_ipv6:
        pytest.skip("without IPv6")
    async with served(HOST="::") as api:
        for host in ("127.0.0.1", "[::1]"):
            async with api.client(host) as client:
                assert (await client.get("/health/live")).status_code == 200


async def test_a_client_of_ipv4_has_its_own_address_there() -> None:
    """As a mapped one, it would be none of the trusted proxies."""
    outside = Outside()
    async with served(outside, HOST="::", TRUSTED_PROXIES="127.0.0.1") as api, api.client() as client:
        headers = {"X-Forwarded-For": "198.51.100.7"}
        answer = await client.post("/login", json={"username": "admin", "password": "wrong"}, headers=headers)
        problem_of(answer, 401, "invalid-credentials")
    assert [row.address for row in outside.login_failures.rows] == ["198.51.100.7"]


@pytest.mark.parametrize(("host", "families"), [("127.0.0.1", 1), ("::1", 1), ("0.0.0.0", 1), ("::", 2)])  # noqa: S104
def test_any_other_address_is_of_its_family_alone(host: str, families: int) -> None:
    with listening(host, 0, "PORT") as sockets:
        assert len({each.family for each in sockets}) == len(sockets) == families
        assert len({each.getsockname()[1] for each in sockets}) == 1


@pytest.mark.parametrize(("given", "seconds"), [({}, 75), ({"KEEP_ALIVE_SECONDS": "5"}, 5)])
async def test_idle_connections_are_kept_longer_than_balancers_keep_them(given: dict[str, str], seconds: int) -> None:
    settings = read_settings({**SETTINGS, **given})
    container = make_container(settings, InMemoryOutside(Outside()))
    config = server_config(await create_app(container), settings, SERVING)
    assert config.timeout_keep_alive == seconds
    await container.close()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("KEEP_ALIVE_SECONDS", "0"), ("KEEP_ALIVE_SECONDS", "x"), ("DRAIN_SECONDS", "-1"), ("DRAIN_SECONDS", "301")],
)
def test_seconds_that_make_no_sense_are_refused(name: str, wrong: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings({name: wrong})


@pytest.mark.parametrize(
    ("request_", "status", "media_type"),
    [
        (b"FOO /products HTTP/1.1\r\nHost: a\r\n\r\n", 501, PROBLEM),
        (b"get /products HTTP/1.1\r\nHost: a\r\n\r\n", 501, PROBLEM),
        (b"GETX /nope HTTP/1.1\r\nHost: a\r\n\r\n", 501, PROBLEM),
        (b"PROPFIND /products HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 501, PROBLEM),
        (b"\x16\x03\x01\x00\xee HTTP/1.1\r\n\r\n", 400, PROBLEM),
        (b"hello\r\n\r\n", 400, PROBLEM),
    ],
)
async def test_a_method_that_nobody_knows_is_not_implemented(request_: bytes, status: int, media_type: str) -> None:
    async with served() as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(request_)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
    first, *lines = head.decode().split("\r\n")
    headers = httpx.Headers([(name, value) for name, _, value in (line.partition(": ") for line in lines)])
    assert (int(first.split()[1]), headers["Content-Type"]) == (status, media_type)
    if status == 501:
        problem_of(httpx.Response(status, headers=headers, content=body), 501, "not-implemented")
