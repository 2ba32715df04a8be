"""Two consumers of the event log: one pulls, one listens to the stream; both go on where they were after a break."""

import asyncio
import random
import time
from itertools import pairwise
from typing import Any

import httpx
import msgspec

from application.events.event_log import Position
from chaos.caller import Caller
from chaos.deployment import Deployment
from chaos.record import Record

PATIENCE = 8.0
LONGEST_WAIT = 2.0
MOST_EVENTS = 40
CRASHES = 0.1
"""Share of the pages after which a consumer is killed before it has stored where it is."""
SECONDS_BETWEEN_COMMENTS = 15.0
SECONDS_UNTIL_AGAIN = 0.3
DONE = 200


class Seen:
    """The events that a consumer has seen, in the order in which each came first."""

    def __init__(self, name: str, record: Record) -> None:
        self.name = name
        self.events: dict[Position, str] = {}
        self._record = record

    def take(self, cursor: str, json: str) -> Position:
        """Take an event; if it came before it must be the same."""
        position = Position.parse(cursor)
        if self.events.setdefault(position, json) != json:
            self._record.violate("an event stays as it is", f"{self.name}: {self.events[position]}, then {json}")
        return position


class Puller:
    """Follows `next`, which it stores after its work."""

    def __init__(self, seed: int, caller: Caller) -> None:
        self.seen = Seen("pull", caller.record)
        self._dice = random.Random(f"puller {seed}")
        self._caller = caller
        self._stored: str | None = None
        self._caught_up = False

    async def run(self, closing: asyncio.Event) -> None:
        """Pull until the deployment closes."""
        while not closing.is_set():
            await self._pull(self._dice.choice((0.0, LONGEST_WAIT)), crashes=self._dice.random() < CRASHES)
            await asyncio.sleep(self._dice.uniform(0, SECONDS_UNTIL_AGAIN))

    async def reach(self, position: Position) -> bool:
        """Pull once more; say whether all up to the position was searched."""
        await self._pull(0.0, crashes=False)
        return self._stored is not None and Position.parse(self._stored) >= position

    async def _pull(self, wait: float, *, crashes: bool) -> None:
        query: dict[str, Any] = {"limit": self._dice.randint(1, MOST_EVENTS), "wait": wait}
        if self._stored is not None:
            query["after"] = self._stored
        answer = await self._caller.call("pull", "GET", "/events", allowed={DONE}, params=query)
        if answer is None:
            return
        page = msgspec.json.decode(answer.content, type=dict[str, msgspec.Raw])
        items = msgspec.json.decode(page["items"], type=list[msgspec.Raw])
        came = [self.seen.take(msgspec.json.decode(each)["id"], bytes(each).decode()) for each in items]
        stored, following = self._stored and Position.parse(self._stored), msgspec.json.decode(page["next"])
        walk = [*([stored] if stored else []), *came]
        if any(one >= other for one, other in pairwise(walk)) or walk[-1:] > [Position.parse(following)]:
            self._caller.record.violate("a page is in order", f"{walk} then {following}")
        if crashes:
            self._caller.record.count("consumers restarted: pull")
        else:
            self._stored = following


class Listener:
    """Listens to the stream, and connects again with the last id that it has got."""

    def __init__(self, seed: int, deployment: Deployment, record: Record) -> None:
        self.seen = Seen("stream", record)
        self.start: Position | None = None
        self._dice = random.Random(f"listener {seed}")
        self._deployment = deployment
        self._record = record
        self._last: str | None = None
        self._client = httpx.AsyncClient(
            base_url=deployment.system.api.client.base_url,
            trust_env=False,
            timeout=httpx.Timeout(PATIENCE, read=SECONDS_BETWEEN_COMMENTS + PATIENCE),
        )

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            await self._listen()
            await asyncio.sleep(self._dice.uniform(0, SECONDS_UNTIL_AGAIN))

    def reached(self, position: Position) -> bool:
        """Whether all up to the position was passed on."""
        return self._last is not None and Position.parse(self._last) >= position

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _listen(self) -> None:
        headers = {"Last-Event-ID": self._last} if self._last else {}
        alive = time.time()
        try:
            async with self._client.stream("GET", "/events/stream", headers=headers) as answer:
                self._record.count(f"answered: stream {answer.status_code}")
                if answer.status_code == DONE:
                    message: dict[str, str] = {}
                    async for line in answer.aiter_lines():
                        alive = time.time()
                        name, _, value = line.partition(": ")
                        if line:
                            message[name] = value
                        else:
                            self._take(message)
                            message = {}
                    why = "ended"
                else:
                    why = f"{answer.status_code} {(await answer.aread()).decode()[:300]}"
        except httpx.TransportError as error:
            why = type(error).__name__
        self._record.count("consumers restarted: stream")
        now = time.time()
        if self._deployment.undisturbed("api", alive - 1, now) and not self._deployment.database_was_away(alive, now):
            self._record.violate("a stream goes on", f"{why} after {now - alive:.1f} s, at {self._last}")

    def _take(self, message: dict[str, str]) -> None:
        if "id" not in message:
            return
        position = Position.parse(message["id"])
        if self._last is not None and position < Position.parse(self._last):
            self._record.violate("a stream is in order", f"{position} after {self._last}")
        if message.get("event") == "reset":
            self._record.violate("no kept event expires", f"reset at {self._last}")
        elif "data" in message:
            self.seen.take(message["id"], message["data"])
        self.start = self.start or position
        self._last = message["id"]
