"""Many listeners of one stream in a process of its own, which cost little: they look for numbers in what comes."""

import asyncio
import re
import time
from collections import defaultdict
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import cast

import uvloop

_HEAD = b"GET /events/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_NUMBER = re.compile(rb'"number" : (\d+)')
CONNECTED_AT_ONCE = 50
SECONDS_TO_CONNECT = 60.0
SECONDS_TO_HEAR_ALL = 10.0


class _Heard:
    """When each listener heard of an event, by its number; the clock is that of all processes of the machine."""

    def __init__(self) -> None:
        self.at: defaultdict[int, list[float]] = defaultdict(list)
        self.missing = 0
        self.complete = asyncio.Event()

    def take(self, number: int, at: float) -> None:
        self.at[number].append(at)
        self.expect(-1)

    def expect(self, more: int) -> None:
        self.missing += more
        if self.missing == 0:  # before all is expected it is less
            self.complete.set()


class _Listener(asyncio.Protocol):
    def __init__(self, heard: _Heard) -> None:
        self.begun = asyncio.get_running_loop().create_future()
        self.lost = False
        self._heard = heard
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.WriteTransport", transport).write(_HEAD)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        data = self._rest + data
        whole = data.rfind(b"\n") + 1
        self._rest = data[whole:]
        if not self.begun.done() and b"id: " in data:
            self.begun.set_result(None)
        for number in _NUMBER.findall(data, 0, whole):
            self._heard.take(int(number), now)

    def connection_lost(self, _: Exception | None) -> None:
        self.lost = True


def listen(port: int, count: int, parent: Connection) -> None:
    """Connect, say so, and listen until the parent says how many events there were; then tell it what was heard."""
    uvloop.run(_listen(port, count, parent))


async def _listen(port: int, count: int, parent: Connection) -> None:
    loop, heard, listeners = asyncio.get_running_loop(), _Heard(), list[_Listener]()
    async with asyncio.timeout(SECONDS_TO_CONNECT):
        while len(listeners) < count:
            several = range(min(CONNECTED_AT_ONCE, count - len(listeners)))
            new = [await loop.create_connection(lambda: _Listener(heard), "127.0.0.1", port) for _ in several]
            listeners += [listener for _, listener in new]
            await asyncio.gather(*(listener.begun for _, listener in new))
    parent.send(None)
    heard.expect(count * await asyncio.to_thread(parent.recv))
    with suppress(TimeoutError):
        async with asyncio.timeout(SECONDS_TO_HEAR_ALL):
            await heard.complete.wait()
    parent.send((dict(heard.at), sum(listener.lost for listener in listeners)))
