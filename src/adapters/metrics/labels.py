"""The bounded sets of label values and of buckets: no request and no answer from upstream can make a new series."""

from http import HTTPStatus
from typing import Literal

from application.synchronisation.upstream_calls import NoAnswer

Work = Literal["registrations", "refresh"]
GivenUp = Literal["held_back", "storage_unavailable", "internal"]

CALL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
WORKS: tuple[Work, ...] = ("registrations", "refresh")
STANDBY_SOURCES = ("standby", "primary", "standby_failed", "standby_too_late")
WEBHOOK_STATES = ("enabled", "failing", "disabled", "given_up")
BREAKER_STATES = ("closed", "open", "half_open")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STATUSES = {status.value: str(status.value) for status in HTTPStatus} | {0: "none", 499: "499"}
# The documented answers of the Offers service, and those that distinguish troubles; others are counted by class.
_UPSTREAM_STATUSES = {status: str(status) for status in (200, 201, 400, 401, 404, 409, 422, 429, 500, 502, 503, 504)}
_NO_ANSWERS = {reason: reason.name.lower() for reason in NoAnswer}


def bounded_method(method: str) -> str:
    """Return the method of a request, or OTHER."""
    return method if method in _METHODS else "OTHER"


def bounded_status(status: int) -> str:
    """Return the status of an answer of ours; "none" for 0, the mark of a request whose answer never began."""
    return _STATUSES.get(status, "other")


def bounded_result(result: int | NoAnswer) -> str:
    """Return the result of a call upstream: its status, a class of status such as "5xx", or why it has none."""
    if isinstance(result, NoAnswer):
        return _NO_ANSWERS[result]
    return _UPSTREAM_STATUSES.get(result) or (f"{result // 100}xx" if 100 <= result < 600 else "other")
