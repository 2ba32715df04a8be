"""Which headers the operations read and answer with, for the description of the API."""

from typing import Any

from entrypoints.http.conditional import IF_NONE_MATCH
from entrypoints.http.idempotency import IDEMPOTENCY_KEY, REPLAYED
from entrypoints.http.problem_types import MEDIA_TYPE as PROBLEM
from entrypoints.http.product_tag import IF_MATCH

HEADERS = {
    "Cache-Control": "For how long the answer may be kept.",
    REPLAYED: "`true` if the answer is that to an earlier request with the same key.",
    "ETag": "The answer's entity tag; a product's is its revision, its observation and whether that has gone stale.",
    "Link": "The following page, if there is one.",
    "Location": "The new product's path.",
    "Retry-After": "Seconds to wait before the next try.",
    "WWW-Authenticate": "Bearer",
    "X-Request-Id": "The request's id; it is in the service's logs too.",
}
HEADERS_OF = {
    "createProduct": ("Location", "ETag", REPLAYED),
    "listProducts": ("Link",),
    "amendProduct": ("ETag",),
}
"""The headers of an operation's successful answer, but for those of conditional reads."""
NOT_KEPT = ("login", "isReady")
"""The operations, beside those for admins, whose answers nobody may keep."""
CONDITIONS = {
    "412": (
        IF_MATCH,
        "Entity tags of the product, or `*`: unless the revision of one of them is the current one, the answer is 412.",
    ),
    "304": (IF_NONE_MATCH, "Entity tags, or `*`: if the current one is among them, the answer is 304 without body."),
}
"""The request header that leads to a status, and what it means, for every operation that has the status."""
IDEMPOTENT = {
    "name": IDEMPOTENCY_KEY,
    "in": "header",
    "required": False,
    "description": "Sent again with the same key and body within 24 hours, the request is answered as the first time.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def request_headers(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """Describe the headers that the operation reads."""
    named = [condition for status, condition in CONDITIONS.items() if status in operation["responses"]]
    described: list[dict[str, Any]] = [
        {"name": name, "in": "header", "required": False, "description": meaning, "schema": {"type": "string"}}
        for name, meaning in named
    ]
    return described + ([IDEMPOTENT] if operation["operationId"] == "createProduct" else [])


def answer_headers(operation: dict[str, Any], status: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Describe the headers of the operation's answer with this status."""
    names = ["X-Request-Id"]
    conditional = "304" in operation["responses"]
    if conditional and status < "400":
        names.append("ETag")
    if conditional or status >= "400" or "security" in operation or operation["operationId"] in NOT_KEPT:
        names.append("Cache-Control")
    if status < "300":
        names += HEADERS_OF.get(operation["operationId"], ())
    elif status == "401":
        names.append("WWW-Authenticate")
    elif status == "429" or (status == "503" and PROBLEM in answer["content"]):
        names.append("Retry-After")
    return {name: {"description": HEADERS[name], "schema": {"type": "string"}} for name in names}
