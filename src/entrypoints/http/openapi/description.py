"""The OpenAPI description at /schema/openapi.json, exact about what Litestar's own leaves out."""

from importlib.metadata import version
from typing import Any

from litestar import Litestar, Request, Response, Router
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, Contact, License, SecurityScheme, Tag
from litestar.response.base import ASGIResponse
from litestar.routes import BaseRoute
from litestar.types import ControllerRouterHandler

from entrypoints.http.conditional_reads import PAGE_AGE, answer_read
from entrypoints.http.openapi.headers import answer_headers, request_headers
from entrypoints.http.openapi.links import links_to
from entrypoints.http.openapi.schemas import any_of, describe_field, describe_parameter, example_body
from entrypoints.http.problems.problem_types import prefix_of
from entrypoints.http.request_validation import JSON, MERGE_PATCH
from entrypoints.http.route_declarations import PUBLIC, Declaration, declaration_of

SCHEME, KEY_SCHEME = "admin", "key"
OPENAPI = "application/vnd.oai.openapi+json"
PATH = "/openapi.json"

DESCRIPTION = """\
A product catalogue that watches, for every product, who offers it, at what price and with how many in stock.

Everybody may read. Admins log in with `POST /login` and send the access token as `Authorization: Bearer …`. Machines
send an API key that an admin has made with `POST /keys` in the same way, and may do what its scopes allow.
Prices are integers in the Offers service's own unit, times are UTC in RFC 3339, and unknown values are `null`.
Every error is a problem (RFC 9457) whose `type` is a path of this API that explains it. An unknown path is a 404.
`HEAD` works wherever `GET` does, and `OPTIONS` answers 204 with the path's methods in `Allow`. A method that a path
does not have is a 405 with the same `Allow`, one that HTTP does not have a 501. A request has exactly one `Host`.
"""


_WEBHOOKS = {
    "event": {
        "post": {
            "summary": "An event, pushed to the URL of a webhook",
            "description": "Signed as [Standard Webhooks](https://www.standardwebhooks.com) says. "
            "`/schema/asyncapi.json` describes all events. Any 2xx within 15 seconds is success; other answers lead to "
            "further attempts for two days.",
            "operationId": "receiveEvent",
            "parameters": [
                {"name": name, "in": "header", "required": True, "description": meaning, "schema": {"type": "string"}}
                for name, meaning in (
                    ("webhook-id", "The event's id, the same at every attempt."),
                    ("webhook-timestamp", "The time of the attempt, in seconds since 1970."),
                    ("webhook-signature", "`v1,` and the base64 of an HMAC-SHA256, or several, with a space between."),
                )
            ],
            "requestBody": {
                "required": True,
                "content": {"application/cloudevents+json": {"schema": {"$ref": "#/components/schemas/CloudEvent"}}},
            },
            "responses": {"2XX": {"description": "The event has arrived."}},
        }
    }
}


class _ExactDescription(JsonRenderPlugin):
    """Adds headers, links, security and the second media type of a PATCH, and makes schemas plain."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Render the description as JSON. It may have been rendered before, so adding twice changes nothing."""
        declarations = _declarations(request)
        models = openapi_schema["components"]["schemas"]
        for model in models.values():
            fields = model.get("properties", {})
            fields.update({name: describe_field(field, name) for name, field in fields.items()})
        operations = [each for path in openapi_schema["paths"].values() for each in path.values()]
        for path in openapi_schema["paths"].values():
            for method, operation in path.items():
                _describe(operation, method, declarations[operation["operationId"]], models)
        for path in openapi_schema["paths"].values():
            if "patch" in path:
                body = path["patch"]["requestBody"]["content"]
                body[MERGE_PATCH] = body[JSON]
        links = links_to(operations)
        for operation in operations:
            if declarations[operation["operationId"]].shows_id:
                (success,) = (status for status in operation["responses"] if status < "300")
                operation["responses"][success]["links"] = links
        servers = {"servers": [{"url": prefix_of(request.scope["state"]) or "/"}]}
        return super().render(request, openapi_schema | servers | {"webhooks": _WEBHOOKS})


def _declarations(request: Request[Any, Any, Any]) -> dict[str, Declaration]:
    handlers = (handler for route in request.app.routes for handler in getattr(route, "route_handlers", ()))
    return {
        str(handler.operation_id): declaration_of(handler.opt)
        for handler in handlers
        if isinstance(handler, HTTPRouteHandler) and handler.operation_id
    }


def _describe(operation: dict[str, Any], method: str, declaration: Declaration, models: dict[str, Any]) -> None:
    operation["security"] = _security(declaration)
    for status, answer in operation["responses"].items():
        answer["headers"] = answer_headers(declaration, method, status, answer)
        for body in answer.get("content", {}).values():
            body["schema"] = any_of(body["schema"])
    parameters = [each for each in operation.get("parameters", []) if each["in"] != "header"]
    for parameter in parameters:
        describe_parameter(parameter)
    operation["parameters"] = parameters + request_headers(declaration)
    for body in operation.get("requestBody", {}).get("content", {}).values():
        body["example"] = example_body(models, body["schema"])


def _security(declaration: Declaration) -> list[dict[str, list[str]]]:
    # Empty where no token is read: left out, it would look forgotten.
    if declaration.public and not (declaration.admin_parameters or declaration.widened):
        return []
    keys = [{KEY_SCHEME: [declaration.scope.value]}] if declaration.scope else []
    return [*([{}] if declaration.public else []), {SCHEME: []}, *keys]


class _Kept(Response[bytes]):
    """An answer that a client may keep, and need not be sent again."""

    def to_asgi_response(self, app: Litestar | None, request: Request[Any, Any, Any], **_: Any) -> ASGIResponse:  # noqa: ARG002
        """Make the answer, or a 304."""
        return answer_read(request, self.content, max_age=PAGE_AGE, media_type=OPENAPI)


class _OnlyDescription(Router):
    """A router without the pages that Litestar adds for paths below it that do not exist."""

    def register(self, value: ControllerRouterHandler) -> list[BaseRoute]:
        """Register the handler of the description alone, and at its path alone."""
        if not (isinstance(value, HTTPRouteHandler) and PATH in value.paths):
            return []
        value.paths = {PATH}
        return super().register(value)


async def _keep(response: Response[Any]) -> Response[Any]:
    return _Kept(response.content) if response.content is not None else response  # to OPTIONS


def openapi_config() -> OpenAPIConfig:
    """Return the configuration of the description."""
    return OpenAPIConfig(
        title="Product Aggregator",
        version=version("product-aggregator"),
        description=DESCRIPTION,
        contact=Contact(name="The operators of this service"),
        license=License(name="MIT", identifier="MIT"),
        openapi_router=_OnlyDescription(
            "/schema",
            route_handlers=[],
            include_in_schema=False,
            after_request=_keep,
            opt=PUBLIC,
        ),
        use_handler_docstrings=True,
        render_plugins=[_ExactDescription(path=PATH)],
        components=Components(
            security_schemes={
                SCHEME: SecurityScheme(
                    type="http",
                    scheme="bearer",
                    bearer_format="JWT",
                    description="The token of `POST /login`; after a login at `/docs` it need not be entered there.",
                ),
                KEY_SCHEME: SecurityScheme(
                    type="http",
                    scheme="bearer",
                    bearer_format="pak_…",
                    description="An API key of `POST /keys`, for machines. It needs the scope that the operation "
                    "names; operations without one are for admins alone.",
                ),
            }
        ),
        tags=[
            Tag(name="login", description="How an admin gets an access token."),
            Tag(name="catalogue", description="Products and their current offers: added by admins, read by everybody."),
            Tag(name="insight", description="Prices over time: changes, statistics, and verdicts on prices."),
            Tag(name="events", description="All events in one order: pulled or streamed."),
            Tag(name="exports", description="Everything at once, as a file."),
            Tag(name="editing", description="How admins change products that exist."),
            Tag(name="alerts", description="Rules over recorded prices, and their back-tests."),
            Tag(name="webhooks", description="Events that the service sends to receivers, signed (Standard Webhooks)."),
            Tag(name="access", description="Keys for machines, and the record of all writes by admins and keys."),
            Tag(name="health", description="For probes and operators."),
            Tag(name="problems", description="The meaning of the errors."),
        ],
    )
