"""What every request is checked for before its handler runs: the token, the body's type, and known parameters."""

import json
from typing import Any, NoReturn, get_args

import msgspec
from litestar import Request
from litestar.exceptions import MethodNotAllowedException
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from litestar.routes import HTTPRoute

from entrypoints.http.auth.access_tokens import AccessTokens, read_bearer
from entrypoints.http.route_declarations import Declaration, declaration_of

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
OPTIONS = "OPTIONS"

AnyRequest = Request[Any, Any, Any]


class UnsupportedMediaType(Exception):
    """The body is not of a type that the route reads."""


class MalformedBody(Exception):
    """The body is not readable as JSON."""


class UnstorableText(Exception):
    """The body is JSON, but a text in it cannot be stored."""

    def __init__(self) -> None:
        super().__init__("A text in the body has a lone surrogate.")


class InvalidParameter(Exception):
    """The query has a parameter that the route does not take so."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


class RequestChecks:
    """The hook before every handler. It is no middleware and no guard, each of which costs more at every request."""

    def __init__(self, access_tokens: AccessTokens) -> None:
        self._access_tokens = access_tokens

    async def __call__(self, request: AnyRequest) -> None:
        """Let the request through, or refuse it.

        Raises:
            Unauthenticated: the route, or one of the parameters, is for admins.
            MethodNotAllowedException: the method is OPTIONS, which Litestar adds to every path.
            UnsupportedMediaType, InvalidParameter
        """
        handler = request.route_handler
        declaration = declaration_of(handler.opt)
        is_options = request.scope["method"] == OPTIONS
        if is_options or not (declaration.public or declaration.session) or _has_admin_parameters(declaration, request):
            token = read_bearer(request.headers.get("Authorization", ""))
            request.scope["state"]["subject"] = self._access_tokens.check(token)
        if is_options:
            refuse_options(request)
        if "data" in handler.parsed_fn_signature.parameters:
            _require_media_type(request)
        if request.scope["query_string"] and not declaration.ignores_query:
            _require_known_parameters(request, handler)


class JsonRequest(AnyRequest):
    """A request whose unreadable body is always the client's mistake."""

    async def json(self) -> Any:
        """Return the decoded body.

        Raises:
            MalformedBody: it is no JSON, or nested too deeply.
            UnstorableText: it is JSON with a lone surrogate, which UTF-8 cannot encode.
        """
        body = await self.body()
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if _has_lone_surrogate(body):
                raise UnstorableText from error
            raise MalformedBody from error


def refuse_options(request: AnyRequest) -> NoReturn:
    """Refuse OPTIONS, naming the methods of the path.

    Raises:
        MethodNotAllowedException
    """
    template = request.scope["path_template"]
    routes = (route for route in request.app.routes if isinstance(route, HTTPRoute))
    methods = [method for route in routes if route.path_format == template for method in route.methods]
    raise MethodNotAllowedException(headers={"allow": ", ".join(methods)})


def allowed_methods(methods: str) -> str:
    """Return the Allow header for the methods that Litestar has for a path, to all of which it adds OPTIONS."""
    return ", ".join(sorted({method.strip() for method in methods.split(",")} - {OPTIONS}))


def _has_admin_parameters(declaration: Declaration, request: AnyRequest) -> bool:
    return bool(declaration.admin_parameters) and not declaration.admin_parameters.isdisjoint(request.query_params)


def _require_media_type(request: AnyRequest) -> None:
    accepted = (JSON, MERGE_PATCH) if request.method == "PATCH" else (JSON,)
    given = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if given not in accepted:
        raise UnsupportedMediaType(f"The body must be {' or '.join(accepted)}.")


def _require_known_parameters(request: AnyRequest, handler: HTTPRouteHandler) -> None:
    """Refuse parameters that would be ignored, and so make another answer look like the requested one.

    These are unknown parameters, those given twice, and `null` for a parameter that is no text.
    """
    queried = {
        each.kwarg_definition.name or name: get_args(each.annotation)
        for name, each in handler.parsed_fn_signature.parameters.items()
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


def _has_lone_surrogate(body: bytes) -> bool:
    # The standard library decodes \ud800, msgspec does not.
    try:
        text = json.dumps(json.loads(body.decode()), ensure_ascii=False)
    except (ValueError, RecursionError):
        return False
    return any("\ud800" <= character <= "\udfff" for character in text)
