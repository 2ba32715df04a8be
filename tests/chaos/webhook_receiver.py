"""A receiver of webhooks that fails now and then, and checks each signature as the published library does."""

import asyncio
import random
from contextlib import suppress

import msgspec
from standardwebhooks import Webhook, WebhookVerificationError

from application.events.event_log import Position
from chaos.caller import Caller
from chaos.event_consumers import Seen
from chaos.record import Record
from domain.event import ALERT_EVENTS, PUBLIC_EVENTS
from e2e.clients import free_port

MADE = 201
TYPES = sorted(PUBLIC_EVENTS | ALERT_EVENTS)
SECONDS_BETWEEN_OUTAGES = 10.0
SHORTEST_OUTAGE, LONGEST_OUTAGE = 0.5, 6.0
LONGEST_WAIT = 2.0
TROUBLES = {"answers": 82, "answers slowly": 4, "answers 500": 8, "answers 503": 1, "resets": 5}
TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"
REFUSED = {
    "answers 500": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
    "answers 503": b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
}


class Receiver:
    """Takes the events that it answers with success; `seen` are these."""

    def __init__(self, seed: int, record: Record) -> None:
        self.seen = Seen("webhook", record)
        self._secret = ""
        self._steady = False
        self._dice = random.Random(f"receiver {seed}")
        self._record = record
        self._port = free_port()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen, on the same port every time."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def subscribe(self, caller: Caller) -> str:
        """Make a webhook for all events of products and alerts; return the secret that signs them."""
        body = {"url": f"http://127.0.0.1:{self._port}/hook", "types": TYPES}
        answer = await caller.call("make a webhook", "POST", "/webhooks", allowed={MADE}, admin=True, json=body)
        assert answer is not None, "the webhook was not made"
        self._secret = answer.json()["secret"]
        return self._secret

    async def run(self, closing: asyncio.Event) -> None:
        """Be away now and then until the deployment closes, and steady from then on."""
        while not closing.is_set():
            pause = self._dice.expovariate(1 / SECONDS_BETWEEN_OUTAGES)
            away = self._dice.uniform(SHORTEST_OUTAGE, LONGEST_OUTAGE)
            with suppress(TimeoutError):
                await asyncio.wait_for(closing.wait(), pause)
                break
            self.close()
            self._record.count("receiver: is away")
            await asyncio.sleep(away)
            await self.start()
        self._steady = True

    def close(self) -> None:
        """Listen no more, and break off what is under way."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                fields = (line.partition(": ") for line in head.decode().strip().split("\r\n")[1:])
                headers = {name.lower(): value for name, _, value in fields}
                body = await reader.readexactly(int(headers["content-length"]))
                if not await self._answer(headers, body, writer):
                    break
        self._connections.discard(writer)
        writer.transport.abort()

    async def _answer(self, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> bool:
        trouble = "answers" if self._steady else self._dice.choices(list(TROUBLES), list(TROUBLES.values()))[0]
        self._record.count(f"receiver: {trouble}")
        if trouble == "resets":
            return False
        if trouble in REFUSED:
            writer.write(REFUSED[trouble])
        else:
            if trouble == "answers slowly":
                await asyncio.sleep(self._dice.uniform(0, LONGEST_WAIT))
            self._take(headers, body)
            writer.write(TAKEN)
        await writer.drain()
        return True

    def _take(self, headers: dict[str, str], body: bytes) -> None:
        try:
            Webhook(self._secret).verify(body, headers)
        except WebhookVerificationError as error:
            self._record.violate("deliveries are signed", f"{error}: {headers}")
        cursor = headers["webhook-id"]
        self._record.count("webhook deliveries again", Position.parse(cursor) in self.seen.events)
        if msgspec.json.decode(body)["id"] != cursor:
            self._record.violate("a delivery has its event's id", f"{cursor}: {body.decode()}")
        self.seen.take(cursor, body.decode())
