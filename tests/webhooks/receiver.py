"""A receiver of webhooks on this machine, which answers as a test says, down to the bytes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Received:
    """One request: its headers by their names in lower case, and its body."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Keeps the requests. `answer` is written at once; without one, nothing is."""

    port: int = 0
    answer: bytes | None = OK
    then: Callable[[asyncio.StreamWriter], object] = lambda _: None
    """What is done after that, as to reset the connection."""
    received: list[Received] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *fields = head.decode().strip().split("\r\n")
                headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in fields)}
                body = await reader.readexactly(int(headers["content-length"]))
                self.received.append(Received(line, headers, body))
                if self.answer is not None:
                    writer.write(self.answer)
                self.then(writer)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving(answer: bytes | None = OK) -> AsyncIterator[Receiver]:
    receiver = Receiver(answer=answer)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
