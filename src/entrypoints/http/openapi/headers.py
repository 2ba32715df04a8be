"""Which headers the operations read and answer with, for the description of the API."""

from typing import Any

from entrypoints.http.conditional_reads import IF_NONE_MATCH
from entrypoints.http.problems.problem_types import MEDIA_TYPE as PROBLEM
from entrypoints.http.products.etags import IF_MATCH
from entrypoints.http.products.idempotency import IDEMPOTENCY_KEY, REPLAYED

REQUEST_ID = "X-Request-Id"


def _header(description: str, example: str | int, *, always: bool = True, **schema: Any) -> dict[str, Any]:
    schema = {"type": "integer" if isinstance(example, int) else "string", **schema}
    return {"description": description, "required": always, "schema": schema, "example": example}


HEADERS = {
    "Cache-Control": _header("For how long the answer may be kept.", "public, max-age=4"),
    REPLAYED: _header(
        "`true` if the answer is that to an earlier request with the same key.", "true", always=False, enum=["true"]
    ),
    "ETag": _header(
        "The answer's entity tag; a product's is its revision, its observation and whether that has gone stale.",
        '"2.1763890924512000.0"',
        pattern='^"[!#-~]+"$',
    ),
    "Link": _header(
        "The following page, if there is one.",
        '</products?limit=20&cursor=k60tY3JlYXRlZF9hdNf>; rel="next"',
        always=False,
        pattern='^<[^>]+>; rel="next"$',
    ),
    "Location": _header(
        "The new product's path.", "/products/2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11", format="uri-reference"
    ),
    "Retry-After": _header("Seconds to wait before the next try.", 1, minimum=1),
    "WWW-Authenticate": _header("How to authenticate.", "Bearer", enum=["Bearer"]),
    "X-Content-Type-Options": _header("The answer is of the type that it says.", "nosniff", enum=["nosniff"]),
    REQUEST_ID: _header(
        "The request's id; it is in the service's logs too.",
        "69e3a0a3-cb45-41a0-ac3c-87044e5345c4",
        pattern="^[A-Za-z0-9._-]{1,64}$",
    ),
}
HEADERS_OF = {
    "createProduct": ("Location", "ETag", REPLAYED),
    "listProducts": ("Link",),
    "amendProduct": ("ETag",),
}
"""The headers of an operation's successful answer, but for those of conditional reads."""
NOT_KEPT = ("login", "isReady")
"""The operations, beside those for admins, whose answers nobody may keep."""


def _parameter(name: str, description: str, example: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", **schema},
        "example": example,
    }


CONDITIONS = {
    "412": _parameter(
        IF_MATCH,
        "Entity tags of the product, or `*`: unless the revision of one of them is the current one, the answer is 412.",
        '"2.1763890924512000.0"',
    ),
    "304": _parameter(
        IF_NONE_MATCH,
        "Entity tags, or `*`: if the current one is among them, the answer is 304 without body.",
        '"2.1763890924512000.0"',
    ),
}
"""The request header that leads to a status, for every operation that has the status."""
IDEMPOTENT = _parameter(
    IDEMPOTENCY_KEY,
    "Sent again with the same key and body within 24 hours, the request is answered as the first time.",
    "import-2026-11-26-0001",
    minLength=1,
    maxLength=255,
    pattern="^[!-~]+$",
)
TRACED = _parameter(
    REQUEST_ID,
    "The id that the request is to have, of up to 64 letters, digits, `.`, `_` and `-`; any other is not taken.",
    "nightly-import.17",
)


def request_headers(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """Describe the headers that the operation reads."""
    conditional = [condition for status, condition in CONDITIONS.items() if status in operation["responses"]]
    return [*conditional, *([IDEMPOTENT] if operation["operationId"] == "createProduct" else []), TRACED]


def answer_headers(operation: dict[str, Any], status: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Describe the headers of the operation's answer with this status."""
    names = [REQUEST_ID, "X-Content-Type-Options"]
    conditional = "304" in operation["responses"]
    if conditional and status < "400":
        names.append("ETag")
    if conditional or status >= "400" or "security" in operation or operation["operationId"] in NOT_KEPT:
        names.append("Cache-Control")
    if status < "400":
        names += HEADERS_OF.get(operation["operationId"], ())
    elif status == "401":
        names.append("WWW-Authenticate")
    elif status == "429" or (status == "503" and PROBLEM in answer["content"]):
        names.append("Retry-After")
    return {name: HEADERS[name] for name in names}
