"""The sockets that a process listens on."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

BACKLOG = 2_048
ALL_IPV6, ALL_IPV4 = "::", "0.0.0.0"  # noqa: S104 - only where HOST says so


@contextmanager
def listening(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Listen on an address while the block runs; `::` is every address, of IPv4 too.

    IPv4 has a socket of its own then, so that its clients keep their usual addresses. Port 0 is any free one.

    Raises:
        OSError: the port is taken, or the machine has no such address.
    """
    with ExitStack() as sockets:
        opened: list[socket.socket] = []
        for each in (ALL_IPV4, ALL_IPV6) if host == ALL_IPV6 else (host,):
            family = socket.AF_INET6 if ":" in each else socket.AF_INET
            taken = opened[0].getsockname()[1] if opened else port
            server = socket.create_server((each, taken), family=family, backlog=BACKLOG, reuse_port=False)
            opened.append(sockets.enter_context(server))
        yield opened
