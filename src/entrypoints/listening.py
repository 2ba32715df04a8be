"""The sockets that a process listens on, and the error of one that cannot be opened."""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

BACKLOG = 2_048
ALL_IPV6, ALL_IPV4 = "::", "0.0.0.0"  # noqa: S104 - only where HOST says so
_REASONS = {
    errno.EADDRINUSE: "another program listens there",
    errno.EACCES: "only privileged users may listen there",
}
# `socket.create_server` hides that an error of the resolver is one, but not its number.
_NO_ADDRESS = (errno.EADDRNOTAVAIL, socket.EAI_NONAME, socket.EAI_AGAIN)


class CannotListen(Exception):
    """A port, or an address, can't be listened on; the text says which setting to change."""


@contextmanager
def listening(host: str, port: int, setting: str) -> Iterator[list[socket.socket]]:
    """Listen on an address while the block runs; `::` is every address, of IPv4 too.

    IPv4 has a socket of its own then, so that its clients keep their usual addresses. Port 0 is any free one.

    Raises:
        CannotListen: the port, which the setting names, is taken, or the machine has no such address.
    """
    with ExitStack() as sockets:
        opened: list[socket.socket] = []
        with named_listener(setting, host, port):
            for each in (ALL_IPV4, ALL_IPV6) if host == ALL_IPV6 else (host,):
                family = socket.AF_INET6 if ":" in each else socket.AF_INET
                taken = opened[0].getsockname()[1] if opened else port
                server = socket.create_server((each, taken), family=family, backlog=BACKLOG, reuse_port=False)
                opened.append(sockets.enter_context(server))
        yield opened


@contextmanager
def named_listener(setting: str, host: str, port: int) -> Iterator[None]:
    """Turn the failure to listen into one line.

    Raises:
        CannotListen
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ADDRESS:
            raise CannotListen(f"Cannot listen on {host}: this machine has no such address. Set HOST.") from error
        reason = _REASONS.get(error.errno or 0, error.strerror)
        raise CannotListen(f"Cannot listen on port {port} of {host}: {reason}. Set {setting} to another.") from error
