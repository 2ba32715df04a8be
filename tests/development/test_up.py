"""What `aggregator up` takes and shows: free ports, and addresses without credentials."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from e2e.clients import free_port
from entrypoints.configuration.settings import read_settings
from entrypoints.development.ports import PORTS_TRIED, Wanted, take_ports
from entrypoints.development.processes import StartFailed
from entrypoints.development.up import banner
from entrypoints.listening import CannotListen

HOST = "127.0.0.1"


@pytest.fixture
def kept() -> Iterator[ExitStack]:
    with ExitStack() as kept:
        yield kept


def wanted(*ports: int, host: str = HOST) -> list[Wanted]:
    return [Wanted("It", "PORT", host, port) for port in ports]


def three_free_ports() -> int:
    """Return a free port before two others."""
    while True:
        first = free_port()
        with ExitStack() as stack:
            try:
                for port in range(first + 1, first + 3):
                    stack.enter_context(socket.create_server((HOST, port)))
            except OSError:
                continue
            return first


def test_a_free_port_is_taken_as_wanted(kept: ExitStack) -> None:
    port = free_port()
    assert take_ports(wanted(port), kept) == [port]


def test_a_busy_port_is_never_replaced_by_one_that_another_part_wants(kept: ExitStack) -> None:
    port = three_free_ports()
    with socket.create_server((HOST, port)):
        assert take_ports(wanted(port, port + 1), kept) == [port + 2, port + 1]


def test_two_parts_that_want_the_same_port_get_two(kept: ExitStack) -> None:
    port = three_free_ports()
    assert take_ports(wanted(port, port), kept) == [port, port + 1]


def test_ports_are_kept_from_others(kept: ExitStack) -> None:
    port = three_free_ports()
    assert take_ports(wanted(port), kept) == [port]
    with ExitStack() as others:
        assert take_ports(wanted(port), others) == [port + 1]


def test_no_free_port_is_one_line(kept: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entrypoints.development.ports.PORTS_TRIED", 1)
    assert PORTS_TRIED > 1
    with socket.create_server((HOST, 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(StartFailed, match=f"No port from PORT={port} on is free"):
            take_ports(wanted(port), kept)


@pytest.mark.parametrize("host", ["203.0.113.1", "no such host"])
def test_a_host_that_is_not_ours_is_no_matter_of_ports(host: str, kept: ExitStack) -> None:
    with pytest.raises(CannotListen, match="Set HOST"):
        take_ports(wanted(free_port(), host=host), kept)


def test_the_banner_shows_no_credentials() -> None:
    url = "https://user:geheim@offers.test:8443/api/v1"
    settings = read_settings({"OFFERS_BASE_URL": url, "ADMIN_PASSWORD": "geheim", "ADMIN_USERNAME": "o'hara"})
    shown = banner(settings, "http://127.0.0.1:8080", settings.upstream, {})
    assert "geheim" not in shown
    assert "user" not in shown.replace("username", "")
    assert "https://offers.test:8443/api/v1" in shown
    assert """-d '{"username": "o'"'"'hara", "password": "<your password>"}'""" in shown
