"""Load shedding: requests that could not be answered in time are refused at once, so that the others are.

A process answers one request after the other, so the number of requests under way tells how long the next would wait
(docs/adr/0013).
"""

import asyncio
from collections.abc import Callable
from contextvars import Context
from enum import Enum, auto

import structlog
from litestar.types import HTTPScope

from entrypoints.http.problems.problem_types import OVERLOADED

log = structlog.get_logger(__name__)

ALWAYS_SERVED = frozenset({"/health/live", "/health/ready"})
SHED = "turned away"
"""The route that refused requests are counted under; their own route is not looked up."""
SECONDS_BETWEEN_LINES = 1.0


class Kind(Enum):
    """The kinds of requests that have places of their own."""

    READ = auto()
    WRITE = auto()
    LOGIN = auto()
    """Apart from writes, because anybody may begin one and be slow to send it."""


def kind_of(scope: HTTPScope) -> Kind:
    """Return a request's kind."""
    if scope["method"] in ("GET", "HEAD"):
        return Kind.READ
    return Kind.LOGIN if scope["path"] == "/login" else Kind.WRITE


class ShedRequests:
    """Counts refused requests, and logs their number once a second at most."""

    def __init__(self, count: Callable[[str, str, int, float], None]) -> None:
        self._count = count
        self._unlogged = 0

    def count(self, method: str) -> None:
        """Count one."""
        self._count(method, SHED, OVERLOADED.status, 0.0)
        if not self._unlogged:
            asyncio.get_running_loop().call_later(SECONDS_BETWEEN_LINES, self._log, context=Context())
        self._unlogged += 1

    def _log(self) -> None:
        log.warning("requests turned away", count=self._unlogged)
        self._unlogged = 0
