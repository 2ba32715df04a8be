"""Every error that leaves the API as a problem (RFC 9457): which exception becomes which type."""

import re
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

from application.bounded_queue import QueueFull
from application.storage import StorageUnavailable
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
from entrypoints.http.auth.access_tokens import Unauthenticated
from entrypoints.http.auth.credentials import RateLimited
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
    RETRY_SECONDS,
    TOO_LARGE,
    UNAUTHENTICATED,
    VALIDATION,
    WINDOW_TOO_LARGE,
    FieldError,
    Problem,
    ProblemType,
)
from entrypoints.http.products.cursors import CursorMismatch
from entrypoints.http.products.idempotency import InvalidHeader
from entrypoints.http.request_validation import (
    InvalidParameter,
    MalformedBody,
    UnstorableText,
    UnsupportedMediaType,
    allowed_methods,
)

log = structlog.get_logger(__name__)

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
    QueueFull: OVERLOADED,
    Unauthenticated: UNAUTHENTICATED,
    RateLimited: RATE_LIMITED,
    UnsupportedMediaType: MEDIA,
    MalformedBody: MALFORMED,
    UnstorableText: VALIDATION,
    InvalidParameter: VALIDATION,
    InvalidHeader: VALIDATION,
    CursorMismatch: CURSOR,
    NotFoundException: NOT_FOUND,
    MethodNotAllowedException: METHOD,
    ValidationException: VALIDATION,
    RequestEntityTooLarge: TOO_LARGE,
    ClientException: MALFORMED,
    Exception: INTERNAL,
}
"""The most specific class of an exception decides."""

# The texts of these exceptions are written for the caller. Others are answered with the meaning of their type alone.
_SPEAKING = (Refusal, UnsupportedMediaType, UnstorableText, CursorMismatch)


def answer_problem(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer an exception with its problem; an unexpected one is logged, and its text is not shown."""
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
        headers["Allow"] = allowed_methods((error.headers or {}).get("allow", ""))
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
