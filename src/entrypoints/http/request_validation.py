"""The checks of every request before its handler runs: the token, the body's type, and all its values."""

import json
from collections.abc import AsyncGenerator, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import InternalServerException
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from entrypoints.http.auth.callers import ACTOR, Callers
from entrypoints.http.mistakes import InvalidRequest, QueryParameters, body_mistakes
from entrypoints.http.problems.problem_types import Mistake
from entrypoints.http.route_declarations import Declaration, declaration_of

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
PATCH_TYPES = f"{JSON}, {MERGE_PATCH}"
OPTIONS = "OPTIONS"

AnyRequest = Request[Any, Any, Any]

_MISSING_BODY = Mistake(pointer="", detail="The body is missing.")


class UnsupportedMediaType(Exception):
    """The body is not of a type or a coding that the route reads; `headers` say which it does."""

    def __init__(self, reason: str, headers: dict[str, str]) -> None:
        super().__init__(reason)
        self.headers = headers


class MalformedBody(Exception):
    """The body is not readable as JSON."""


@dataclass(frozen=True, slots=True)
class _Inputs:
    """The inputs of a route."""

    declaration: Declaration
    query: QueryParameters
    model: type[msgspec.Struct] | None
    """Of the body, None if the route reads none."""


class RequestChecks:
    """The hook before every handler. It is no middleware and no guard, each of which costs more at every request."""

    def __init__(self, callers: Callers, most_mistakes: int) -> None:
        self._callers = callers
        self._most_mistakes = most_mistakes
        self._inputs: dict[HTTPRouteHandler, _Inputs] = {}

    async def __call__(self, request: AnyRequest) -> Response[None] | None:
        """Let the request through, answer it if it is OPTIONS, or refuse it.

        Raises:
            Unauthenticated, InsufficientScope: the route, or one of the parameters, is not for all.
            UnsupportedMediaType, MalformedBody, InvalidRequest
        """
        if request.scope["method"] == OPTIONS:
            return _answer_options(request)
        inputs = self._inputs_of(request.route_handler)
        declaration = inputs.declaration
        for_all = declaration.public or declaration.session
        if not for_all or _has_admin_parameters(declaration, request):
            authorization = request.headers.get("Authorization", "")
            state = request.scope["state"]
            state[ACTOR] = actor = await self._callers.check(authorization, declaration.scope)
            state["subject"] = actor.id
        found: list[Iterable[Mistake]] = []
        if request.scope["query_string"] and not declaration.ignores_query:
            found.append(inputs.query.mistakes(request.query_params.items()))
        if declaration.request_headers:
            found.append(_header_mistakes(declaration, request))
        if inputs.model is not None:
            _require_media_type(request)
            found.append(
                body_mistakes(await request.json(), inputs.model) if await request.body() else (_MISSING_BODY,)
            )
        if found and (mistakes := tuple(islice(chain.from_iterable(found), self._most_mistakes))):
            raise InvalidRequest(*mistakes)
        return None

    def _inputs_of(self, handler: HTTPRouteHandler) -> _Inputs:
        inputs = self._inputs.get(handler)
        if inputs is None:
            body = handler.parsed_fn_signature.parameters.get("data")
            inputs = _Inputs(declaration_of(handler.opt), QueryParameters(handler), body.annotation if body else None)
            self._inputs[handler] = inputs
        return inputs


class HungUp(Exception):
    """The client left before its body was whole."""


class JsonRequest(AnyRequest):
    """A request whose unreadable body is always the client's mistake."""

    _decoded: Any = msgspec.UNSET

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Give the parts of the body.

        Raises:
            HungUp
        """
        try:
            async for part in super().stream():
                yield part
        except InternalServerException as error:
            raise HungUp from error

    async def json(self) -> Any:
        """Return the decoded body.

        Raises:
            MalformedBody: it is no JSON, or nested too deeply.
            InvalidRequest: it is JSON with a lone surrogate, which UTF-8 cannot encode.
        """
        if self._decoded is msgspec.UNSET:
            self._decoded = _decode(await self.body())
        return self._decoded


def allowed_methods(methods: str) -> str:
    """Return the Allow header for the methods that Litestar has for a path: HEAD works wherever GET does."""
    allowed = {method.strip() for method in methods.split(",")} | {OPTIONS}
    return ", ".join(sorted(allowed | {"HEAD"} if "GET" in allowed else allowed))


def _answer_options(request: AnyRequest) -> Response[None]:
    template = request.scope["path_template"]
    routes = (route for route in request.app.routes if isinstance(route, HTTPRoute))
    methods = [method for route in routes if route.path_format == template for method in route.methods]
    headers = {"Allow": allowed_methods(",".join(methods))}
    if "PATCH" in methods:
        headers["Accept-Patch"] = PATCH_TYPES
    return Response(None, status_code=204, headers=headers)


def _has_admin_parameters(declaration: Declaration, request: AnyRequest) -> bool:
    return bool(declaration.admin_parameters) and not declaration.admin_parameters.isdisjoint(request.query_params)


def _header_mistakes(declaration: Declaration, request: AnyRequest) -> Iterator[Mistake]:
    for header in declaration.request_headers:
        lines = request.headers.getall(header.name, [])
        if lines and header.mistake and (detail := header.mistake(", ".join(lines))):
            yield Mistake(parameter=header.name, detail=detail)


def _require_media_type(request: AnyRequest) -> None:
    # RFC 9110, section 15.5.16, and RFC 5789, section 2.2, name the headers that list the readable types.
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaType("The body must have no Content-Encoding.", {"Accept-Encoding": "identity"})
    is_patch = request.method == "PATCH"
    given = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if given not in ((JSON, MERGE_PATCH) if is_patch else (JSON,)):
        raise UnsupportedMediaType(
            f"The body must be {f'{JSON} or {MERGE_PATCH}' if is_patch else JSON}.",
            {"Accept-Patch": PATCH_TYPES} if is_patch else {"Accept": JSON},
        )


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if _has_lone_surrogate(body):
            raise InvalidRequest(Mistake(pointer="", detail="A text in the body has a lone surrogate.")) from error
        raise MalformedBody from error


def _has_lone_surrogate(body: bytes) -> bool:
    # The standard library decodes \ud800, msgspec does not.
    try:
        text = json.dumps(json.loads(body.decode()), ensure_ascii=False)
    except (ValueError, RecursionError):
        return False
    return any("\ud800" <= character <= "\udfff" for character in text)
