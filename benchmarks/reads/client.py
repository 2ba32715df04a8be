"""The load: a bare protocol over kept-alive connections, so that it takes as little of the machine as it can."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_END = b"\r\n\r\n"
BODILESS = (204, 304)

Request = Callable[[int], bytes]
"""Makes the request of this turn."""


@dataclass
class Answered:
    """What a load came to: seconds that each expected answer took, and how many others there were by status."""

    expected: int
    waited: list[float] = field(default_factory=list)
    others: Counter[int] = field(default_factory=Counter)

    def note(self, status: int, seconds: float) -> None:
        """Take an answer."""
        if status == self.expected:
            self.waited.append(seconds)
        else:
            self.others[status] += 1


class Connection(asyncio.Protocol):
    """One connection: sends a request, reads its answer, and tells; then it may be used again."""

    def __init__(self, answered: Callable[["Connection", int], None]) -> None:
        self._answered = answered
        self._transport: Any = None
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready."""
        self._transport = transport

    def send(self, request: bytes) -> None:
        """Send a request; the one before must have been answered."""
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take a part of the answer."""
        self._received += data
        head = self._received.find(_END)
        if head < 0:
            return
        status = int(self._received[9:12])
        if status not in BODILESS:
            length = _LENGTH.search(self._received, 0, head + 2)
            if length is None or len(self._received) < head + len(_END) + int(length[1]):
                return
        self._received.clear()
        self._answered(self, status)

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


async def load(
    ports: Sequence[int],
    request: Request,
    expected: int,
    *,
    connections: int,
    seconds: float,
    addresses: Sequence[str] = ("127.0.0.1",),
) -> Answered:
    """Send request after request over each of the connections for a while, each as soon as the last one is answered."""
    done, turn, idle = Answered(expected), 0, asyncio.Event()
    sent: dict[Connection, float] = {}
    end = time.perf_counter() + seconds

    def go_on(connection: Connection) -> None:
        nonlocal turn
        now = time.perf_counter()
        if now < end:
            sent[connection] = now
            connection.send(request(turn))
            turn += 1
        elif not sent:
            idle.set()

    def answered(connection: Connection, status: int) -> None:
        done.note(status, time.perf_counter() - sent.pop(connection))
        go_on(connection)

    opened = await open_connections(ports, addresses, connections, answered)
    for each in opened:
        go_on(each)
    await asyncio.wait_for(idle.wait(), seconds + 30)
    for each in opened:
        each.close()
    return done


async def open_connections(
    ports: Sequence[int], addresses: Sequence[str], count: int, answered: Callable[[Connection, int], None]
) -> list[Connection]:
    """Open connections, to the ports and from the addresses in turns."""
    loop, opened = asyncio.get_running_loop(), []
    for port, address, _ in zip(cycle(ports), cycle(addresses), range(count), strict=False):
        _, connection = await loop.create_connection(
            lambda: Connection(answered), "127.0.0.1", port, local_addr=(address, 0)
        )
        opened.append(connection)
    return opened
