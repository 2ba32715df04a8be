"""Load shedding: requests that could not be answered in time are refused, so that the others are answered in time.

A process answers one request after the other, so the number of requests under way shows how long the next would wait
(docs/adr/0013).
"""

import asyncio
import re
from collections.abc import Callable
from contextvars import Context
from enum import Enum, auto

import structlog
from litestar.types import HTTPScope
from litestar.utils.path import normalize_path

from entrypoints.http.problems.problem_types import OVERLOADED

log = structlog.get_logger(__name__)

ALWAYS_SERVED = frozenset({"/health/live", "/health/ready"})
SHED = "turned away"
"""The route that refused requests are counted under; their own route is not looked up."""


FORMS = frozenset({"/login", "/preferences"})
FORMS_BELOW = "/admin/"
"""Where bodies are read without a token; those of the admin's pages are kept while the admin logs in again."""
BATCH = "/products/batch"
EVENTS = frozenset({"/events", "/events/stream"})
SEARCHED = frozenset({"/products", "/"})
# A name may be written with escapes, too.
_SEARCH = re.compile(rb"(?:^|&)(?:q|%71)=[^&]", re.IGNORECASE)


class Kind(Enum):
    """The kinds of requests that have places of their own."""

    READ = auto()
    WRITE = auto()
    SEARCH = auto()
    """Apart from other reads, because it may take a hundred times as long."""
    EVENTS = auto()
    """Apart from other reads, because it may wait for half a minute."""
    BATCH = auto()
    """Apart from other writes, because its body is long and its work is that of hundreds of them."""
    FORM = auto()
    """Apart from writes, because anybody may begin one and be slow to send it."""


def kind_of(scope: HTTPScope) -> Kind:
    """Return a request's kind."""
    if scope["method"] in ("GET", "HEAD"):
        if _path(scope) in EVENTS:
            return Kind.EVENTS
        searches = scope["query_string"] and _path(scope) in SEARCHED and _SEARCH.search(scope["query_string"])
        return Kind.SEARCH if searches else Kind.READ
    path = _path(scope)
    if path == BATCH:
        return Kind.BATCH
    return Kind.FORM if path in FORMS or path.startswith(FORMS_BELOW) else Kind.WRITE


def _path(scope: HTTPScope) -> str:
    # As the framework compares it, to which `//login` is `/login`.
    return normalize_path(scope["path"])


class ShedRequests:
    """Counts refused requests, and logs their number once in so many `seconds` at most."""

    def __init__(self, count: Callable[[str, str, int, float], None], *, seconds: float = 1.0) -> None:
        self._count = count
        self._seconds = seconds
        self._unlogged = 0
        self._timer: asyncio.TimerHandle | None = None

    def count(self, method: str) -> None:
        """Count one."""
        self._count(method, SHED, OVERLOADED.status, 0.0)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self.log, context=Context())
        self._unlogged += 1

    def log(self) -> None:
        """Log those that no line has counted yet, if any.

        The application does so at its end, so that no timer outlives it.
        """
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        log.warning("requests turned away", count=self._unlogged)
        self._unlogged = 0
