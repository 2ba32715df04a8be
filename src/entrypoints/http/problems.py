"""Every error that leaves the API, as RFC 9457 problem details: which exception becomes which problem."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
from litestar import MediaType, Request, Response, get
from litestar.exceptions import (
    ClientException,
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from application.ports import StorageUnavailable
from domain.errors import InvalidText, ProductAlreadyExists, ProductNotFound

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
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


class CursorMismatch(Exception):
    """A cursor that cannot be read, or belongs to another listing."""


class Overloaded(Exception):
    """More work of an expensive kind is under way than the service takes on."""


class FieldError(msgspec.Struct, frozen=True):
    """One thing wrong with the request; `pointer` is the JSON pointer to it, or the parameter's name behind a slash."""

    pointer: str
    detail: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Problem details (RFC 9457); `instance` is the request's id, `errors` is there for validation errors."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True)
class ProblemType:
    """What is constant in all problems of one kind."""

    slug: str
    status: int
    title: str
    meaning: str

    @property
    def path(self) -> str:
        """The problem's type, a path of the API that explains it."""
        return f"/problems/{self.slug}"


MALFORMED = ProblemType(
    "malformed-request",
    400,
    "Malformed request",
    "The request could not be read: its body is not JSON, or its headers contradict each other.",
)
CURSOR = ProblemType(
    "cursor-mismatch",
    400,
    "Cursor mismatch",
    "The cursor cannot be read or belongs to a listing with another order. Start again without a cursor.",
)
UNAUTHENTICATED = ProblemType(
    "unauthenticated",
    401,
    "Not authenticated",
    "The route is for admins: log in with POST /login and send the access token as `Authorization: Bearer …`.",
)
PRODUCT_NOT_FOUND = ProblemType(
    "product-not-found", 404, "Product not found", "There is no product with this id, or it was withdrawn."
)
NOT_FOUND = ProblemType("not-found", 404, "Not found", "The API has no such path.")
METHOD = ProblemType(
    "method-not-allowed",
    405,
    "Method not allowed",
    "The path exists, but not for this method; the Allow header lists the methods it has.",
)
EXISTS = ProblemType(
    "product-already-exists",
    409,
    "Product already exists",
    "Names and ids are unique. A withdrawn product's name is free at once, its id only after it was purged.",
)
TOO_LARGE = ProblemType("payload-too-large", 413, "Payload too large", "The body is larger than the API reads, 64 KiB.")
MEDIA = ProblemType(
    "unsupported-media-type",
    415,
    "Unsupported media type",
    "Send the body as application/json; PATCH takes application/merge-patch+json too.",
)
VALIDATION = ProblemType(
    "validation-error",
    422,
    "Validation error",
    "The request was read, but some of its values are not allowed; `errors` lists them.",
)
INTERNAL = ProblemType(
    "internal-error",
    500,
    "Internal error",
    "The service failed. The request id in `instance` leads to the cause in its logs.",
)
OVERLOADED = ProblemType(
    "overloaded", 503, "Overloaded", "The service has too much to do. Try again after the time in Retry-After."
)
DATABASE = ProblemType(
    "database-unavailable",
    503,
    "Database unavailable",
    "The service cannot reach its database. Try again after the time in Retry-After.",
)

PROBLEM_TYPES = (
    MALFORMED,
    CURSOR,
    UNAUTHENTICATED,
    PRODUCT_NOT_FOUND,
    NOT_FOUND,
    METHOD,
    EXISTS,
    TOO_LARGE,
    MEDIA,
    VALIDATION,
    INTERNAL,
    OVERLOADED,
    DATABASE,
)

PROBLEM_OF: dict[type[Exception], ProblemType] = {
    InvalidText: VALIDATION,
    ProductNotFound: PRODUCT_NOT_FOUND,
    ProductAlreadyExists: EXISTS,
    StorageUnavailable: DATABASE,
    Unauthenticated: UNAUTHENTICATED,
    UnsupportedMediaType: MEDIA,
    MalformedBody: MALFORMED,
    UnstorableText: VALIDATION,
    CursorMismatch: CURSOR,
    Overloaded: OVERLOADED,
    NotFoundException: NOT_FOUND,
    MethodNotAllowedException: METHOD,
    ValidationException: VALIDATION,
    RequestEntityTooLarge: TOO_LARGE,
    ClientException: MALFORMED,
    Exception: INTERNAL,
}
"""The most specific class of an exception decides."""

# What these exceptions say is written for the caller; of all others only the meaning of the problem is told.
_SPEAKING = (InvalidText, ProductNotFound, ProductAlreadyExists, UnsupportedMediaType, UnstorableText, CursorMismatch)


def answer_problem(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Turn any exception into its problem; unexpected ones are logged, and nothing of them is told."""
    kind = next(PROBLEM_OF[parent] for parent in type(error).__mro__ if parent in PROBLEM_OF)
    if kind is INTERNAL:
        log.error("request failed", exc_info=error)
    problem = Problem(
        type=kind.path,
        title=kind.title,
        status=kind.status,
        detail=str(error) if isinstance(error, _SPEAKING) else kind.meaning,
        instance=request.scope["state"].get("request_id", ""),
        errors=_field_errors(error),
    )
    return Response(problem, status_code=kind.status, media_type=MEDIA_TYPE, headers=_headers(kind, error))


def problems(*kinds: ProblemType) -> dict[int, ResponseSpec]:
    """Describe the problems that a route may answer, for its OpenAPI."""
    return {
        status: ResponseSpec(
            Problem,
            description="; ".join(kind.title for kind in kinds if kind.status == status),
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status in {kind.status for kind in kinds}
    }


@get("/problems/{slug:str}", media_type=MediaType.TEXT, sync_to_thread=False, operation_id="explainProblem")
def explain_problem(slug: FromPath[str]) -> str:
    """Say in plain text what a problem type means."""
    for kind in PROBLEM_TYPES:
        if kind.slug == slug:
            return f"{kind.title} ({kind.status})\n\n{kind.meaning}\n"
    raise NotFoundException


def _headers(kind: ProblemType, error: Exception) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if kind is UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"
    if kind is METHOD and isinstance(error, HTTPException):
        headers["Allow"] = (error.headers or {}).get("allow", "")
    if kind in (OVERLOADED, DATABASE):
        headers["Retry-After"] = RETRY_SECONDS
    return headers


def _field_errors(error: Exception) -> tuple[FieldError, ...]:
    if isinstance(error, InvalidText):
        return (FieldError(f"/{error.field}", str(error)),)
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
