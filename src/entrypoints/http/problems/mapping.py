"""Every error that leaves the API, as RFC 9457 problem details: which exception becomes which problem."""

import math
import re
from datetime import timedelta
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import (
    ClientException,
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from application.unit_of_work import StorageContended, StorageUnavailable
from domain.errors import (
    IdempotencyInProgress,
    IdempotencyMismatch,
    InvalidFilter,
    InvalidText,
    InvalidWindow,
    OfferNotFound,
    PreconditionFailed,
    ProductAlreadyExists,
    ProductNotFound,
    Refusal,
    WindowTooLarge,
)
from entrypoints.http.methods import allowed
from entrypoints.http.problems.problem_types import (
    CURSOR,
    DATABASE,
    EXISTS,
    IDEMPOTENCY_IN_PROGRESS,
    IDEMPOTENCY_MISMATCH,
    INTERNAL,
    MALFORMED,
    MEDIA,
    MEDIA_TYPE,
    METHOD,
    NOT_FOUND,
    OFFER_NOT_FOUND,
    OVERLOADED,
    PRECONDITION,
    PRODUCT_NOT_FOUND,
    RATE_LIMITED,
    TOO_LARGE,
    UNAUTHENTICATED,
    VALIDATION,
    WINDOW_TOO_LARGE,
    FieldError,
    Problem,
    ProblemType,
)

log = structlog.get_logger(__name__)

RETRY_SECONDS = "1"


class Unauthenticated(Exception):
    """No valid access token; the answer is the same whatever is wrong with it."""


class UnsupportedMediaType(Exception):
    """The body is not of a type that the route reads."""


class MalformedBody(Exception):
    """The body is no JSON that can be read."""


class UnstorableText(Exception):
    """The body is JSON, but a text in it cannot be stored."""

    def __init__(self) -> None:
        super().__init__("A text in the body has a lone surrogate.")


class InvalidParameter(Exception):
    """The query has a parameter that the route does not take so."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


class InvalidHeader(Exception):
    """A header's value is not one that the route takes."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


class CursorMismatch(Exception):
    """A cursor that cannot be read, or belongs to another listing."""


class Overloaded(Exception):
    """More work of an expensive kind is under way than the service takes on."""


class RateLimited(Exception):
    """The caller has to wait this long before the next try."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.seconds = math.ceil(wait.total_seconds())


PROBLEM_OF: dict[type[Exception], ProblemType] = {
    InvalidText: VALIDATION,
    InvalidFilter: VALIDATION,
    InvalidWindow: VALIDATION,
    WindowTooLarge: WINDOW_TOO_LARGE,
    ProductNotFound: PRODUCT_NOT_FOUND,
    OfferNotFound: OFFER_NOT_FOUND,
    ProductAlreadyExists: EXISTS,
    PreconditionFailed: PRECONDITION,
    IdempotencyInProgress: IDEMPOTENCY_IN_PROGRESS,
    IdempotencyMismatch: IDEMPOTENCY_MISMATCH,
    StorageUnavailable: DATABASE,
    StorageContended: DATABASE,
    Unauthenticated: UNAUTHENTICATED,
    UnsupportedMediaType: MEDIA,
    MalformedBody: MALFORMED,
    UnstorableText: VALIDATION,
    InvalidParameter: VALIDATION,
    InvalidHeader: VALIDATION,
    CursorMismatch: CURSOR,
    Overloaded: OVERLOADED,
    RateLimited: RATE_LIMITED,
    NotFoundException: NOT_FOUND,
    MethodNotAllowedException: METHOD,
    ValidationException: VALIDATION,
    RequestEntityTooLarge: TOO_LARGE,
    ClientException: MALFORMED,
    Exception: INTERNAL,
}
"""The most specific class of an exception decides."""

# What these exceptions say is written for the caller; of all others only the meaning of the problem is told.
_SPEAKING = (Refusal, UnsupportedMediaType, UnstorableText, CursorMismatch)


def answer_problem(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Turn any exception into its problem; unexpected ones are logged, and nothing of them is told."""
    kind = next(PROBLEM_OF[parent] for parent in type(error).__mro__ if parent in PROBLEM_OF)
    if kind is INTERNAL:
        log.error("request failed", exc_info=error)
    problem = kind.problem(
        request.scope["state"].get("request_id", ""),
        str(error) if isinstance(error, _SPEAKING) else None,
        _field_errors(error),
    )
    return Response(problem, status_code=kind.status, media_type=MEDIA_TYPE, headers=_headers(kind, error))


def _headers(kind: ProblemType, error: Exception) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if kind is UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"
    if kind is METHOD and isinstance(error, HTTPException):
        headers["Allow"] = allowed((error.headers or {}).get("allow", ""))
    if kind in (OVERLOADED, DATABASE):
        headers["Retry-After"] = RETRY_SECONDS
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(error.seconds)
    return headers


def _field_errors(error: Exception) -> tuple[FieldError, ...]:
    if isinstance(error, InvalidText | InvalidFilter | InvalidWindow):
        return (FieldError(f"/{error.field}", str(error)),)
    if isinstance(error, InvalidParameter | InvalidHeader):
        return (FieldError(f"/{error.name}", str(error)),)
    if isinstance(error, UnstorableText):
        return (FieldError("", str(error)),)
    if isinstance(error, ValidationException):
        return tuple(_field_error(each) for each in error.extra or [])
    return ()


_NAMED = re.compile(r"(?:unknown|required) field `(?P<field>[^`]*)`")


def _field_error(error: Any) -> FieldError:
    """Read one of Litestar's messages: the field is in `key`, or in the text if it is unknown or missing."""
    message, _, _ = str(error.get("message", "")).partition(" - at ")
    if message == "'data'":
        return FieldError("", "The body is missing.")
    key = "" if error.get("key") in (None, "data") else str(error["key"]).removeprefix("data.")
    named = _NAMED.search(message)
    steps = [step for step in (*key.split("."), named["field"] if named else "") if step]
    return FieldError("".join(f"/{step}" for step in steps), message)
