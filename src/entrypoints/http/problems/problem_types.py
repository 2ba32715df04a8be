"""The types of problems that the API answers (RFC 9457), their meanings, and their place in a route's description."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from msgspec import UNSET, UnsetType

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = "1"
"""The Retry-After of problems that may be over soon."""
PREFIX = "prefix"
"""The member of a request's state that holds the path prefix under which a proxy serves the API, mostly none."""


def prefix_of(state: Mapping[str, Any]) -> str:
    """Return the prefix of every path in the answer to the request with this state."""
    prefix: str = state.get(PREFIX, "")
    return prefix


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake in the request: `pointer` is the JSON pointer to it in the body, `parameter` a parameter's name."""

    pointer: str | UnsetType = UNSET
    parameter: str | UnsetType = UNSET
    detail: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Problem details (RFC 9457); `instance` is of this occurrence, `errors` is there for validation errors."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: tuple[Mistake, ...] = ()
    oldest: str | UnsetType = UNSET
    """Of an expired cursor: the one that stands before all events that are kept."""


@dataclass(frozen=True, slots=True)
class ProblemType:
    """The constant parts of all problems of one type."""

    slug: str
    status: int
    title: str
    meaning: str
    errors: tuple[Mistake, ...] = ()

    @property
    def path(self) -> str:
        """The problem's type, a path of the API that explains it."""
        return f"/problems/{self.slug}"

    @property
    def example(self) -> Problem:
        """One such problem, for the description of the API."""
        return Problem(
            self.path,
            self.title,
            self.status,
            self.meaning,
            "urn:uuid:0b8f1f0e-5d0c-4c64-9f2b-6f3f7a0f5a11",
            "69e3a0a3-cb45-41a0-ac3c-87044e5345c4",
            self.errors,
        )

    def problem(self, state: Mapping[str, Any], detail: str | None = None, errors: tuple[Mistake, ...] = ()) -> Problem:
        """Return one occurrence, in the request with this state; without a detail it has the meaning of the type."""
        return Problem(
            prefix_of(state) + self.path,
            self.title,
            self.status,
            detail or self.meaning,
            uuid4().urn,
            state.get("request_id", ""),
            errors,
        )


MALFORMED = ProblemType(
    "malformed-request",
    400,
    "Malformed request",
    "The request could not be read: it is not HTTP, its head has more than 32 KiB or 100 fields, its body is not JSON, "
    "its headers contradict each other, or it does not name one Host that this service is called by (operators: "
    "ALLOWED_HOSTS).",
)
CURSOR = ProblemType(
    "cursor-mismatch",
    400,
    "Cursor mismatch",
    "The cursor cannot be read or belongs to a listing with another order or filter. Start again without a cursor.",
)
CURSOR_EXPIRED = ProblemType(
    "cursor-expired",
    410,
    "Cursor expired",
    "Events behind the cursor are no longer kept, or it is of another database. Go on from the cursor in `oldest`, and "
    "read what you missed from the catalogue.",
)
UNAUTHENTICATED = ProblemType(
    "unauthenticated",
    401,
    "Not authenticated",
    "The route is for admins, or for keys with its scope: log in with POST /login and send the access token, or send "
    "the key, as `Authorization: Bearer …`.",
)
CREDENTIALS = ProblemType(
    "invalid-credentials",
    401,
    "Invalid credentials",
    "There is no account with this name and password. Check both and log in again.",
)
FORBIDDEN = ProblemType(
    "forbidden",
    403,
    "Forbidden",
    "The key is valid but lacks the scope that WWW-Authenticate names, or the route is for admins alone.",
)
PRODUCT_NOT_FOUND = ProblemType(
    "product-not-found", 404, "Product not found", "There is no product with this id, or it was withdrawn."
)
OFFER_NOT_FOUND = ProblemType(
    "offer-not-found",
    404,
    "Offer not found",
    "The product has no offer with this id, or its record is gone.",
)
NOT_FOUND = ProblemType(
    "not-found", 404, "Not found", "The API has no such path, or no key, alert or webhook with this id."
)
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
    "Names and ids are unique. A withdrawn product frees its name at once, its id when it is purged.",
)
IDEMPOTENCY_IN_PROGRESS = ProblemType(
    "idempotency-in-progress",
    409,
    "Request in progress",
    "The first request with this Idempotency-Key is not finished. Send the same request again in a moment.",
)
WEBHOOK_DISABLED = ProblemType(
    "webhook-disabled",
    409,
    "Webhook disabled",
    "A disabled webhook sends nothing. Enable it first, with `PATCH` and `enabled`.",
)
PRECONDITION = ProblemType(
    "precondition-failed",
    412,
    "Precondition failed",
    "The product has another revision than If-Match names, or one that If-None-Match excludes. Read it again.",
)
TOO_LARGE = ProblemType(
    "payload-too-large",
    413,
    "Payload too large",
    "The body is larger than the API reads: 64 KiB, or 2 MiB for a batch of products.",
)
MEDIA = ProblemType(
    "unsupported-media-type",
    415,
    "Unsupported media type",
    "Send the body as application/json and without a Content-Encoding; PATCH takes application/merge-patch+json too.",
)
VALIDATION = ProblemType(
    "validation-error",
    422,
    "Validation error",
    "The request was read, but some of its values are not allowed; `errors` lists them.",
    (
        Mistake(pointer="/name", detail="The name must not be blank."),
        Mistake(parameter="limit", detail="Expected `int` <= 100"),
    ),
)
IDEMPOTENCY_MISMATCH = ProblemType(
    "idempotency-mismatch",
    422,
    "Idempotency key mismatch",
    "The Idempotency-Key was used for another request within the last 24 hours. Use a new key for a new request.",
)
WINDOW_TOO_LARGE = ProblemType(
    "window-too-large",
    422,
    "Window too large",
    "The window has more points than one answer holds. Take a shorter one or a wider interval; `raw` is for 48 hours, "
    "an export and a back-test for 31 days.",
)
BEYOND_RETENTION = ProblemType(
    "beyond-retention",
    422,
    "Beyond retention",
    "The requested data of this time is no longer kept; `detail` says what to take instead. Prices of offers and steps "
    "are kept for a number of days (operators: HISTORY_OFFER_DAYS, HISTORY_STEP_DAYS). Buckets of a time zone are "
    "exact or not there at all: if its offsets are whole hours, they reach back as far as hourly buckets, else as far "
    "as those of 5 minutes; days, weeks and months of UTC are kept for ever.",
)
RATE_LIMITED = ProblemType(
    "rate-limited",
    429,
    "Rate limited",
    "Too many logins failed from this address. Try again after the time in Retry-After.",
)
INTERNAL = ProblemType(
    "internal-error",
    500,
    "Internal error",
    "The service failed. Its logs show the cause under this `request_id`.",
)
NOT_IMPLEMENTED = ProblemType(
    "not-implemented",
    501,
    "Not implemented",
    "No path of the API has this method. Use GET, HEAD, OPTIONS, POST, PUT, PATCH or DELETE.",
)
OVERLOADED = ProblemType(
    "overloaded",
    503,
    "Overloaded",
    "The service has too many requests, or this one took over 10 seconds. Try again after the time in Retry-After.",
)
DATABASE = ProblemType(
    "database-unavailable",
    503,
    "Database unavailable",
    "The service cannot reach its database. Try again after the time in Retry-After.",
)

PROTECTED = (UNAUTHENTICATED, FORBIDDEN)
"""Of every route that is not public."""

UNAVAILABLE = (OVERLOADED, DATABASE)
"""Of every route that needs the database."""

BODY_PROBLEMS = (MALFORMED, TOO_LARGE, MEDIA, VALIDATION)
"""Of every route that reads a body."""

PROBLEM_TYPES = (
    MALFORMED,
    CURSOR,
    UNAUTHENTICATED,
    CREDENTIALS,
    FORBIDDEN,
    PRODUCT_NOT_FOUND,
    OFFER_NOT_FOUND,
    NOT_FOUND,
    METHOD,
    EXISTS,
    CURSOR_EXPIRED,
    IDEMPOTENCY_IN_PROGRESS,
    WEBHOOK_DISABLED,
    PRECONDITION,
    TOO_LARGE,
    MEDIA,
    VALIDATION,
    IDEMPOTENCY_MISMATCH,
    WINDOW_TOO_LARGE,
    BEYOND_RETENTION,
    RATE_LIMITED,
    INTERNAL,
    NOT_IMPLEMENTED,
    OVERLOADED,
    DATABASE,
)


PRODUCT_MISSING = (PRODUCT_NOT_FOUND, NOT_FOUND)
"""Of every route below a product; the API has no path for an id that is no UUID."""

EVERYWHERE = (MALFORMED, INTERNAL)
"""Of every route."""


def problems(*kinds: ProblemType) -> dict[int, ResponseSpec]:
    """Describe the problems of a route for OpenAPI."""
    of_status: dict[int, list[ProblemType]] = {}
    for kind in (*EVERYWHERE, *kinds):
        of_status.setdefault(kind.status, []).append(kind)
    return {
        status: ResponseSpec(
            Problem,
            description="; ".join(kind.title for kind in same),
            media_type=MEDIA_TYPE,
            generate_examples=False,
            examples=[Example(summary=kind.title, value=msgspec.to_builtins(kind.example)) for kind in same],
        )
        for status, same in of_status.items()
    }
