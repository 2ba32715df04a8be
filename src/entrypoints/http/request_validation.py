"""What the API reads: methods that it has, bodies of the right type, and no parameters that it does not know."""

import json
from typing import Any, get_args

import msgspec
from litestar import Request
from litestar.params import QueryParameter

from entrypoints.http.methods import OPTIONS, refuse_options
from entrypoints.http.problems.mapping import (
    InvalidParameter,
    MalformedBody,
    UnstorableText,
    UnsupportedMediaType,
)
from entrypoints.http.problems.problem_types import MALFORMED, MEDIA, TOO_LARGE, VALIDATION

LARGEST_BODY = 64 * 1024
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
BODY_PROBLEMS = (MALFORMED, TOO_LARGE, MEDIA, VALIDATION)


async def require_readable(request: Request[Any, Any, Any]) -> None:
    """Refuse OPTIONS, and a body of another type before it is read.

    Raises:
        MethodNotAllowedException
        UnsupportedMediaType
    """
    if request.method == OPTIONS:
        refuse_options(request)
    if "data" not in request.route_handler.parsed_fn_signature.parameters:
        return
    accepted = (JSON, MERGE_PATCH) if request.method == "PATCH" else (JSON,)
    given = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if given not in accepted:
        raise UnsupportedMediaType(f"The body must be {' or '.join(accepted)}.")


async def require_what_is_known(request: Request[Any, Any, Any]) -> None:
    """Refuse what is not readable, and query parameters that would be ignored.

    Raises:
        MethodNotAllowedException
        UnsupportedMediaType
        InvalidParameter
    """
    await require_readable(request)
    if request.scope["query_string"]:
        _require_clear_parameters(request)


def _require_clear_parameters(request: Request[Any, Any, Any]) -> None:
    """Refuse query parameters that would be ignored and make another answer look like their own.

    These are parameters that the route does not have, those given twice, and `null` for what is no text.
    """
    queried = {
        each.kwarg_definition.name or name: get_args(each.annotation)
        for name, each in request.route_handler.parsed_fn_signature.parameters.items()
        if isinstance(each.kwarg_definition, QueryParameter)
    }
    given: set[str] = set()
    for name, value in request.query_params.items():
        if name not in queried:
            raise InvalidParameter(name, "This parameter is unknown here.")
        if name in given:
            raise InvalidParameter(name, "This parameter is given twice.")
        if value.lower() == "null" and str not in queried[name]:
            raise InvalidParameter(name, "This is never null; leave the parameter out.")
        given.add(name)


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
