"""Receivers of webhooks for stories of real processes, each with a thread of its own."""

import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from standardwebhooks import Webhook


@dataclass
class Taken:
    """One event that arrived, and the event's own id."""

    id: str
    type: str
    data: dict[str, Any]
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers with `status`, once `open` is set."""

    port: int = 0
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.open.set()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def start(self) -> None:
        """Listen, where it has listened before if it has."""
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler_of(self))
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Be down: connections are refused."""
        self.server.shutdown()
        self.server.server_close()

    def ids(self, kind: str | None = None) -> list[str]:
        """Return the ids of the events that have arrived, of this type if it is given."""
        return [each.id for each in list(self.taken) if kind in (None, each.type)]

    def verify(self, secret: str) -> None:
        """Check the signature of the newest one, as the published library does."""
        Webhook(secret).verify(self.taken[-1].body, self.taken[-1].headers)


def _handler_of(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            event = msgspec.json.decode(body)
            receiver.taken.append(Taken(event["id"], event["type"], event["data"], dict(self.headers), body))
            receiver.open.wait()
            try:
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                time.sleep(0)  # the worker was killed meanwhile

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
