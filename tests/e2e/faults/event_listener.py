"""A consumer of the stream that goes on after every break, as browsers do."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import httpx
import msgspec

from waiting import PATIENCE

PAUSE = 0.05


class Listener:
    """Ids and subjects of all events that came, the last id, and how often it had to connect."""

    def __init__(self, url: str) -> None:
        self.ids: list[str] = []
        self.subjects: list[str] = []
        self.connected = 0
        self.last = ""
        self._url = url
        self._enough = Event()

    def listen(self) -> None:
        """Listen until it is enough."""
        while not self._enough.is_set():
            headers = {"Last-Event-ID": self.last} if self.last else {}
            try:
                with httpx.stream(
                    "GET", f"{self._url}/events/stream", headers=headers, trust_env=False, timeout=PATIENCE
                ) as answer:
                    if answer.status_code == httpx.codes.OK:
                        self._read(answer)
            except httpx.TransportError:
                pass
            time.sleep(PAUSE)

    def _read(self, answer: httpx.Response) -> None:
        self.connected += 1
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                self.last = value
            elif name == "data":
                event = msgspec.json.decode(value)
                self.ids.append(event["id"])
                self.subjects.append(event["subject"])
            if self._enough.is_set():
                return

    def end(self) -> None:
        """Listen no more, once the next line came."""
        self._enough.set()


@contextmanager
def listening(url: str) -> Iterator[Listener]:
    """Listen while the block runs; it begins when the first id has come."""
    listener = Listener(url)
    thread = Thread(target=listener.listen, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        listener.end()
