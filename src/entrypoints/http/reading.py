"""What the API reads: bodies of the right type, and cursors."""

import base64
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.params import QueryParameter

from application.ports import PagePosition
from entrypoints.http.problem_types import MALFORMED, MEDIA, TOO_LARGE, VALIDATION
from entrypoints.http.problems import (
    CursorMismatch,
    MalformedBody,
    UnknownParameter,
    UnstorableText,
    UnsupportedMediaType,
)

LARGEST_BODY = 64 * 1024
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
BODY_PROBLEMS = (MALFORMED, TOO_LARGE, MEDIA, VALIDATION)


async def require_json(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Refuse a body of another type before it is read.

    Raises:
        UnsupportedMediaType
    """
    if "data" not in handler.parsed_fn_signature.parameters:
        return
    accepted = (JSON, MERGE_PATCH) if connection.scope.get("method") == "PATCH" else (JSON,)
    given = connection.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if given not in accepted:
        raise UnsupportedMediaType(f"The body must be {' or '.join(accepted)}.")


async def refuse_unknown_parameters(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Refuse a query parameter that the route does not have: ignored, it would make another answer look like its own.

    Raises:
        UnknownParameter
    """
    known = handler.parsed_fn_signature.parameters
    for name in connection.query_params:
        if name not in known or not isinstance(known[name].kwarg_definition, QueryParameter):
            raise UnknownParameter(name)


class JsonRequest(Request[Any, Any, Any]):
    """A request whose unreadable body is the client's mistake, whichever way it is unreadable."""

    async def json(self) -> Any:
        """Return the decoded body.

        Raises:
            MalformedBody: it is no JSON, or nested too deeply.
            UnstorableText: it is JSON with a lone surrogate, which no UTF-8 text can hold.
        """
        body = await self.body()
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if _has_lone_surrogate(body):
                raise UnstorableText from error
            raise MalformedBody from error


def _has_lone_surrogate(body: bytes) -> bool:
    # The standard library reads \ud800, msgspec does not.
    try:
        text = json.dumps(json.loads(body.decode()), ensure_ascii=False)
    except (ValueError, RecursionError):
        return False
    return any("\ud800" <= character <= "\udfff" for character in text)


class _Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    sort: str
    created_at: datetime
    id: UUID


NEWEST_FIRST = "-created_at"


def write_cursor(position: PagePosition) -> str:
    """Return an opaque text for the place behind this position."""
    cursor = msgspec.msgpack.encode(_Cursor(NEWEST_FIRST, position.created_at, position.id))
    return base64.urlsafe_b64encode(cursor).decode().rstrip("=")


def read_cursor(text: str) -> PagePosition:
    """Read what `write_cursor` wrote.

    Raises:
        CursorMismatch
    """
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        cursor = msgspec.msgpack.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=_Cursor)
        # Some times with an offset are no times in UTC, which is how the storage takes them.
        position = PagePosition(cursor.created_at.astimezone(UTC), cursor.id)
    except (ValueError, OverflowError) as error:
        raise CursorMismatch("This cursor cannot be read; start again without one.") from error
    if cursor.sort != NEWEST_FIRST or cursor.created_at.tzinfo is None:
        raise CursorMismatch("This cursor belongs to another listing; start again without one.")
    return position
