"""The ports of `aggregator up`: those that are wanted, or the next free ones, kept from any other `up` meanwhile."""

import errno
import socket
from contextlib import ExitStack
from dataclasses import dataclass

from entrypoints.development.processes import StartFailed
from entrypoints.listening import named_listener

PORTS_TRIED = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """A port that a part is to listen on, as the setting names it."""

    part: str
    setting: str
    host: str
    port: int


def take_ports(wanted: list[Wanted], kept: ExitStack) -> list[int]:
    """Return a port for each part, which no other `up` takes until `kept` is closed.

    The ports that are free as wanted are taken first, so that no part gets one that is meant for another.

    Raises:
        StartFailed: none of the hundred from the wanted one on is free.
        CannotListen: the host has no such address, or the port is for privileged users.
    """
    taken = [_take(each, each.port, kept) for each in wanted]
    return [port if port is not None else _next(each, kept) for each, port in zip(wanted, taken, strict=True)]


def _next(wanted: Wanted, kept: ExitStack) -> int:
    for candidate in range(wanted.port + 1, min(wanted.port + PORTS_TRIED, 65_536)):
        port = _take(wanted, candidate, kept)
        if port is not None:
            return port
    raise StartFailed(f"No port from {wanted.setting}={wanted.port} on is free on {wanted.host}.")


def _take(wanted: Wanted, port: int, kept: ExitStack) -> int | None:
    family = socket.AF_INET6 if ":" in wanted.host else socket.AF_INET
    with ExitStack() as ours, socket.socket(family) as candidate, named_listener(wanted.setting, wanted.host, port):
        # The part that is to listen there starts seconds later. UDP, because TCP would stand in its way.
        claim = ours.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((wanted.host, port))
            free: int = candidate.getsockname()[1]
            claim.bind((wanted.host, free))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return None
        kept.push(ours.pop_all())
        return free
