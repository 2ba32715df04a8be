"""The types of problems (RFC 9457) by the exceptions that they answer: every error leaves the API as one."""

from itertools import chain, starmap
from typing import Any

import msgspec
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
from application.events.event_log import EventsExpired
from application.storage import StorageUnavailable
from domain.errors import (
    AlertNotFound,
    BeyondRetention,
    IdempotencyInProgress,
    IdempotencyMismatch,
    InvalidAlert,
    InvalidFilter,
    InvalidText,
    InvalidWindow,
    KeyNotFound,
    OfferNotFound,
    PreconditionFailed,
    ProductAlreadyExists,
    ProductNotFound,
    ProductsAlreadyExist,
    Refusal,
    TooManyAlerts,
    TooManyKeys,
    TooManyWebhooks,
    WebhookDisabled,
    WebhookNotFound,
    WindowTooLarge,
)
from entrypoints.http.auth.access_tokens import InvalidToken, Unauthenticated
from entrypoints.http.auth.callers import InsufficientScope
from entrypoints.http.auth.credentials import InvalidCredentials, RateLimited
from entrypoints.http.mistakes import InvalidRequest, taken_mistakes
from entrypoints.http.problems.cursor_mismatch import CursorMismatch
from entrypoints.http.problems.problem_types import (
    BEYOND_RETENTION,
    CREDENTIALS,
    CURSOR,
    CURSOR_EXPIRED,
    DATABASE,
    EXISTS,
    FORBIDDEN,
    IDEMPOTENCY_IN_PROGRESS,
    IDEMPOTENCY_MISMATCH,
    INTERNAL,
    MALFORMED,
    MEDIA,
    MEDIA_TYPE,
    METHOD,
    NOT_FOUND,
    NOT_IMPLEMENTED,
    OFFER_NOT_FOUND,
    OVERLOADED,
    PRECONDITION,
    PRODUCT_NOT_FOUND,
    RATE_LIMITED,
    RETRY_SECONDS,
    TOO_LARGE,
    UNAUTHENTICATED,
    VALIDATION,
    WEBHOOK_DISABLED,
    WINDOW_TOO_LARGE,
    Mistake,
    Problem,
    ProblemType,
)
from entrypoints.http.request_validation import HungUp, MalformedBody, UnsupportedMediaType, allowed_methods

log = structlog.get_logger(__name__)

PROBLEM_OF: dict[type[Exception], ProblemType] = {
    InvalidText: VALIDATION,
    InvalidFilter: VALIDATION,
    InvalidWindow: VALIDATION,
    WindowTooLarge: WINDOW_TOO_LARGE,
    BeyondRetention: BEYOND_RETENTION,
    ProductNotFound: PRODUCT_NOT_FOUND,
    OfferNotFound: OFFER_NOT_FOUND,
    KeyNotFound: NOT_FOUND,
    TooManyKeys: VALIDATION,
    AlertNotFound: NOT_FOUND,
    InvalidAlert: VALIDATION,
    TooManyAlerts: VALIDATION,
    WebhookNotFound: NOT_FOUND,
    TooManyWebhooks: VALIDATION,
    WebhookDisabled: WEBHOOK_DISABLED,
    ProductAlreadyExists: EXISTS,
    ProductsAlreadyExist: EXISTS,
    PreconditionFailed: PRECONDITION,
    IdempotencyInProgress: IDEMPOTENCY_IN_PROGRESS,
    IdempotencyMismatch: IDEMPOTENCY_MISMATCH,
    StorageUnavailable: DATABASE,
    QueueFull: OVERLOADED,
    Unauthenticated: UNAUTHENTICATED,
    InvalidToken: UNAUTHENTICATED,
    InsufficientScope: FORBIDDEN,
    InvalidCredentials: CREDENTIALS,
    RateLimited: RATE_LIMITED,
    UnsupportedMediaType: MEDIA,
    MalformedBody: MALFORMED,
    HungUp: MALFORMED,
    InvalidRequest: VALIDATION,
    CursorMismatch: CURSOR,
    EventsExpired: CURSOR_EXPIRED,
    NotFoundException: NOT_FOUND,
    MethodNotAllowedException: METHOD,
    ValidationException: VALIDATION,
    RequestEntityTooLarge: TOO_LARGE,
    ClientException: MALFORMED,
    Exception: INTERNAL,
}
"""The most specific class of an exception decides."""

# The texts of these exceptions are written for the caller. Others are answered with the meaning of their type alone.
_SPEAKING = (Refusal, InvalidRequest, UnsupportedMediaType, CursorMismatch, InsufficientScope)

_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"})
"""The methods of RFC 9110, PATCH (RFC 5789) and QUERY. Any other is 501 and not 405 (RFC 9110, section 9.1)."""
_CHALLENGE = 'Bearer realm="product-aggregator"'


def answer_problem(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer an exception with its problem; an unexpected one is logged, and its text is not shown."""
    kind = next(PROBLEM_OF[parent] for parent in type(error).__mro__ if parent in PROBLEM_OF)
    if kind in (NOT_FOUND, METHOD) and request.scope["method"] not in _KNOWN_METHODS:
        kind = NOT_IMPLEMENTED
    problem = kind.problem(
        request.scope["state"], str(error) if isinstance(error, _SPEAKING) else None, _mistakes(error)
    )
    if isinstance(error, EventsExpired):
        problem = msgspec.structs.replace(problem, oldest=error.oldest.cursor)
    if kind is INTERNAL:
        log.error("request failed", instance=problem.instance, exc_info=error)
    return Response(problem, status_code=kind.status, media_type=MEDIA_TYPE, headers=_headers(kind, error))


def _headers(kind: ProblemType, error: Exception) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if kind in (UNAUTHENTICATED, CREDENTIALS):
        # RFC 6750, section 3.1: the answer to a request without a token names no error.
        invalid = ', error="invalid_token"' if isinstance(error, InvalidToken) else ""
        headers["WWW-Authenticate"] = _CHALLENGE + invalid
    if isinstance(error, InsufficientScope):
        lacking = f', scope="{error.scope}"' if error.scope else ""
        headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope"{lacking}'
    if isinstance(error, UnsupportedMediaType):
        headers |= error.headers
    if kind is METHOD and isinstance(error, HTTPException):
        headers["Allow"] = allowed_methods((error.headers or {}).get("allow", ""))
    if kind in (OVERLOADED, DATABASE):
        headers["Retry-After"] = RETRY_SECONDS
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(error.seconds)
    return headers


def _mistakes(error: Exception) -> tuple[Mistake, ...]:
    if isinstance(error, InvalidRequest):
        return error.mistakes
    if isinstance(error, ProductsAlreadyExist):
        return tuple(chain.from_iterable(starmap(taken_mistakes, sorted(error.taken.items()))))
    if isinstance(error, InvalidText | InvalidAlert):
        return (Mistake(pointer=f"/{error.field}", detail=str(error)),)
    if isinstance(error, InvalidFilter | InvalidWindow):
        return (Mistake(parameter=error.field, detail=str(error)),)
    return ()
