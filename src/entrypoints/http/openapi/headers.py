"""Headers of the OpenAPI description, from the declarations of the routes."""

from typing import Any

from entrypoints.http.conditional_reads import IF_NONE_MATCH
from entrypoints.http.problems.problem_types import MEDIA_TYPE as PROBLEM
from entrypoints.http.products.etags import ETAG, TAG_EXAMPLE
from entrypoints.http.route_declarations import Declaration, Header

REQUEST_ID = Header(
    "X-Request-Id",
    "The request's id; it is in the service's logs too.",
    "69e3a0a3-cb45-41a0-ac3c-87044e5345c4",
    schema={"pattern": "^[A-Za-z0-9._-]{1,64}$"},
)
NOSNIFF = Header(
    "X-Content-Type-Options", "The answer is of the type that it states.", "nosniff", schema={"enum": ["nosniff"]}
)
CACHE_CONTROL = Header("Cache-Control", "For how long the answer may be kept.", "public, max-age=4")
AUTHENTICATE = Header(
    "WWW-Authenticate",
    "How to authenticate, and whether the given token is to blame.",
    'Bearer realm="product-aggregator"',
    schema={"pattern": '^Bearer realm="product-aggregator"(, error="invalid_token")?$'},
)
LACKING_SCOPE = Header(
    AUTHENTICATE.name,
    "The scope that the key lacks; none if the route is for admins alone.",
    'Bearer error="insufficient_scope", scope="catalogue:write"',
    schema={"pattern": '^Bearer error="insufficient_scope"(, scope="[a-z:]+")?$'},
)
ACCEPT_ENCODING = Header(
    "Accept-Encoding", "If the body's Content-Encoding was to blame: those that are read.", "identity", always=False
)
ACCEPT = Header("Accept", "If the body's type was to blame: the one that is read.", "application/json", always=False)
ACCEPT_PATCH = Header(
    "Accept-Patch",
    "If the body's type was to blame: those that are read.",
    "application/json, application/merge-patch+json",
    always=False,
)
RETRY_AFTER = Header("Retry-After", "Seconds to wait before the next try.", 1, schema={"minimum": 1})
UNLESS_MATCHING = Header(
    IF_NONE_MATCH, "Entity tags, or `*`: if the current one is among them, the answer is 304 without body.", TAG_EXAMPLE
)
OWN_REQUEST_ID = Header(
    REQUEST_ID.name,
    "The id of the request, up to 64 letters, digits, `.`, `_` and `-`; any other is replaced.",
    "nightly-import.17",
)


def request_headers(declaration: Declaration) -> list[dict[str, Any]]:
    """Describe the headers that an operation reads."""
    conditional = [UNLESS_MATCHING] if declaration.conditional else []
    return [
        {
            "name": header.name,
            "in": "header",
            "required": False,
            "description": header.description,
            "schema": _schema(header),
            "example": header.example,
        }
        for header in (*conditional, *declaration.request_headers, OWN_REQUEST_ID)
    ]


def answer_headers(declaration: Declaration, method: str, status: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Describe the headers of an operation's answer with this status."""
    succeeded = status < "400"
    headers = [REQUEST_ID, NOSNIFF]
    if declaration.conditional or declaration.no_store or not declaration.public or not succeeded:
        headers.append(CACHE_CONTROL)
    if succeeded:
        headers += [*([ETAG] if declaration.conditional else []), *declaration.answer_headers]
    elif status == "401":
        headers.append(AUTHENTICATE)
    elif status == "403":
        headers.append(LACKING_SCOPE)
    elif status == "415":
        headers += [ACCEPT_ENCODING, ACCEPT_PATCH if method == "patch" else ACCEPT]
    elif status == "429" or (status == "503" and PROBLEM in answer["content"]):
        headers.append(RETRY_AFTER)
    return {
        header.name: {
            "description": header.description,
            "required": header.always,
            "schema": _schema(header),
            "example": header.example,
        }
        for header in headers
    }


def _schema(header: Header) -> dict[str, Any]:
    return {"type": "integer" if isinstance(header.example, int) else "string", **(header.schema or {})}
