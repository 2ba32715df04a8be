"""What cannot be answered in time is turned away at once, so that the rest is, and so that nothing piles up.

A process answers one thing after the other: how many requests it has begun says how long the next one would wait.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import Context
from enum import Enum, auto

import msgspec
import structlog
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from entrypoints.http.middleware.request_log import headers_of_all, request_id_of
from entrypoints.http.problems.mapping import RETRY_SECONDS, Overloaded
from entrypoints.http.problems.problem_types import MEDIA_TYPE, OVERLOADED


class Kind(Enum):
    """What requests are counted as."""

    READ = auto()
    WRITE = auto()
    LOGIN = auto()


MOST_READS = 32
"""Under way in one process: enough to keep it busy, and few enough to be answered in time."""
MOST_WRITES = 320
"""Writes are for few, who would rather wait; most of the time they wait for a connection to the database."""
MOST_LOGINS = 64
"""Apart, because anybody may begin one and be slow to go on."""
PLACES = {Kind.READ: MOST_READS, Kind.WRITE: MOST_WRITES, Kind.LOGIN: MOST_LOGINS}
COSTLY_AT_ONCE = 4
COSTLY_WAITING = 12
"""Reads that sum up history take a connection for up to seconds; these many leave some to all other requests."""

ALWAYS_ANSWERED = frozenset({"/health/live", "/health/ready"})
TURNED_AWAY = "turned away"
"""The route that these requests are counted for; theirs is not looked at."""
SECONDS_BETWEEN_LINES = 1.0

log = structlog.get_logger(__name__)

_HEADERS = [
    (b"content-type", MEDIA_TYPE.encode()),
    (b"cache-control", b"no-store"),
    (b"retry-after", RETRY_SECONDS.encode()),
]


class Admission:
    """ASGI application around another, which gets so many requests of each kind at once and no more.

    It stands before everything that takes time, even the log, because to turn a request away must be far cheaper than
    to answer it. Those go to `turned_away`.
    """

    def __init__(self, app: ASGIApp, turned_away: ASGIApp, places: Mapping[Kind, int]) -> None:
        self._app = app
        self._turned_away = turned_away
        self._places = {kind: _Places(count) for kind, count in places.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or answer that there are too many."""
        if scope["type"] != ScopeType.HTTP or scope["path"] in ALWAYS_ANSWERED:
            await self._app(scope, receive, send)
            return
        places = self._places[_kind_of(scope)]
        if not places.left:
            await self._turned_away(scope, receive, send)
            return
        with places.taken(send) as send_and_leave:
            await self._app(scope, receive, send_and_leave)


class Turns(ASGIMiddleware):
    """Lets a few requests of a costly kind go on at once and a few wait for their turn."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, at_once: int, waiting: int) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._places = _Places(at_once + waiting)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Serve the request.

        Raises:
            Overloaded: too many wait already.
        """
        if not self._places.left:
            raise Overloaded
        with self._places.taken(send) as send_and_leave:
            await self._turns.acquire()
            with _released_at_the_answer(self._turns.release, send_and_leave) as send_and_end_turn:
                await next_app(scope, receive, send_and_end_turn)


class _Places:
    """How many more may come."""

    def __init__(self, count: int) -> None:
        self.left = count

    def taken(self, send: Send) -> AbstractContextManager[Send]:
        """Take a place until the answer that is sent begins."""
        self.left -= 1
        return _released_at_the_answer(self._free, send)

    def _free(self) -> None:
        self.left += 1


@contextmanager
def _released_at_the_answer(release: Callable[[], None], send: Send) -> Iterator[Send]:
    # Its work is done then, and its reader may be as slow as he likes: he must not keep others out.
    held = True

    async def send_and_release(message: Message) -> None:
        nonlocal held
        if held:
            held = False
            release()
        await send(message)

    try:
        yield send_and_release
    finally:
        if held:
            release()


def _kind_of(scope: HTTPScope) -> Kind:
    if scope["method"] in ("GET", "HEAD"):
        return Kind.READ
    return Kind.LOGIN if scope["path"] == "/login" else Kind.WRITE


class TurnedAway:
    """ASGI application that answers for as little as it can, and logs how many it has answered once a second.

    `count` is given each request's method, route, status and seconds.
    """

    def __init__(self, count: Callable[[str, str, int, float], None]) -> None:
        self._count = count
        self._not_logged = 0

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer that there are too many requests."""
        self._note(str(scope.get("method")))
        request_id = request_id_of(scope)
        body = msgspec.json.encode(OVERLOADED.problem(request_id))
        length = (b"content-length", str(len(body)).encode())
        headers = [*_HEADERS, length, *headers_of_all(request_id)]
        await send({"type": "http.response.start", "status": OVERLOADED.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def _note(self, method: str) -> None:
        self._count(method, TURNED_AWAY, OVERLOADED.status, 0.0)
        if not self._not_logged:
            asyncio.get_running_loop().call_later(SECONDS_BETWEEN_LINES, self._log, context=Context())
        self._not_logged += 1

    def _log(self) -> None:
        log.warning("requests turned away", count=self._not_logged)
        self._not_logged = 0
