"""The OpenAPI description at /schema/openapi.json, exact about what Litestar's own leaves out."""

from importlib.metadata import version
from typing import Any

from litestar import Request, Response, Router
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Tag

from entrypoints.http.openapi.headers import answer_headers, request_headers
from entrypoints.http.openapi.links import links_to
from entrypoints.http.openapi.schemas import describe_field, describe_parameter, example_body
from entrypoints.http.problems.problem_types import NOT_FOUND
from entrypoints.http.request_validation import JSON, MERGE_PATCH
from entrypoints.http.route_declarations import Declaration, declaration_of, declared

SCHEME = "admin"
PATH = "/openapi.json"

DESCRIPTION = """\
A product catalogue that watches, for every product, who offers it, at what price and with how many in stock.

Everybody may read. Admins log in with `POST /login` and send the access token as `Authorization: Bearer …`.
Prices are integers in the Offers service's own unit, times are UTC in RFC 3339, and unknown values are `null`.
Every error is a problem (RFC 9457) whose `type` is a path of this API that explains it. An unknown path is a 404. A
method that a path does not have, HEAD included, is a 405 whose `Allow` lists the path's methods.
"""


class _ExactDescription(JsonRenderPlugin):
    """Adds headers, links, security and the second media type of a PATCH, and makes schemas plain."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Render the description as JSON. It may have been rendered before, so adding twice changes nothing.

        Raises:
            NotFoundException: Litestar serves it at the root of the router too, where there is nothing.
        """
        if not request.url.path.endswith(PATH):
            raise NotFoundException
        declarations = _declarations(request)
        models = openapi_schema["components"]["schemas"]
        for model in models.values():
            fields = model.get("properties", {})
            fields.update({name: describe_field(field) for name, field in fields.items()})
        operations = [each for path in openapi_schema["paths"].values() for each in path.values()]
        for operation in operations:
            _describe(operation, declarations[operation["operationId"]], models)
        for path in openapi_schema["paths"].values():
            if "patch" in path:
                body = path["patch"]["requestBody"]["content"]
                body[MERGE_PATCH] = body[JSON]
        links = links_to(operations)
        for operation in operations:
            if declarations[operation["operationId"]].shows_id:
                (success,) = (status for status in operation["responses"] if status < "300")
                operation["responses"][success]["links"] = links
        return super().render(request, openapi_schema)


def _declarations(request: Request[Any, Any, Any]) -> dict[str, Declaration]:
    handlers = (handler for route in request.app.routes for handler in getattr(route, "route_handlers", ()))
    return {
        str(handler.operation_id): declaration_of(handler.opt)
        for handler in handlers
        if isinstance(handler, HTTPRouteHandler) and handler.operation_id
    }


def _describe(operation: dict[str, Any], declaration: Declaration, models: dict[str, Any]) -> None:
    if not declaration.public:
        operation["security"] = [{SCHEME: []}]
    elif declaration.admin_parameters:
        operation["security"] = [{}, {SCHEME: []}]
    for status, answer in operation["responses"].items():
        answer["headers"] = answer_headers(declaration, status, answer)
    parameters = [each for each in operation.get("parameters", []) if each["in"] != "header"]
    for parameter in parameters:
        describe_parameter(parameter)
    operation["parameters"] = parameters + request_headers(declaration)
    for body in operation.get("requestBody", {}).get("content", {}).values():
        body["example"] = example_body(models, body["schema"])


async def _refuse_pages(response: Response[Any]) -> Response[Any]:
    """Answer a problem instead of the page that Litestar shows where there is no description."""
    if response.status_code == NOT_FOUND.status:
        raise NotFoundException
    return response


def openapi_config() -> OpenAPIConfig:
    """Return the configuration of the description."""
    return OpenAPIConfig(
        title="Product Aggregator",
        version=version("product-aggregator"),
        description=DESCRIPTION,
        license=License(name="MIT", identifier="MIT"),
        openapi_router=Router(
            "/schema",
            route_handlers=[],
            include_in_schema=False,
            after_request=_refuse_pages,
            opt=declared(Declaration(public=True, ignores_query=True)),
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
                )
            }
        ),
        tags=[
            Tag(name="login", description="How an admin gets an access token."),
            Tag(name="catalogue", description="Products and their current offers."),
            Tag(name="insight", description="Prices over time: what moved, by how much, and what a price is worth."),
            Tag(name="health", description="For probes and operators."),
            Tag(name="problems", description="What the errors mean."),
        ],
    )
