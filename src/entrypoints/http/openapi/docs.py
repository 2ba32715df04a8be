"""The API's manual: its OpenAPI description, and Swagger UI over it that loads nothing from the network."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from litestar import MediaType, Request, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Tag
from litestar.static_files import create_static_files_router

from entrypoints.http.auth.access_tokens import ADMIN_SCHEME
from entrypoints.http.openapi.headers import answer_headers, request_headers
from entrypoints.http.openapi.links import describe_links
from entrypoints.http.openapi.schemas import describe_field, describe_parameter, example_body
from entrypoints.http.problems.problem_types import NOT_FOUND
from entrypoints.http.request_validation import JSON, MERGE_PATCH

STATIC = "/docs/static"

DESCRIPTION = """\
A product catalogue that watches, for every product, who offers it, at what price and with how many in stock.

Anybody reads. Admins log in with `POST /login` and send the access token as `Authorization: Bearer …`.
Prices are integers in the Offers service's own unit, times are UTC in RFC 3339, and what is not known is `null`.
Every error is a problem (RFC 9457) whose `type` is a path of this API that explains it. A path that there is not is a
404, a method that a path does not have, HEAD too, a 405 whose `Allow` lists those it has.
"""

PAGE = f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Product Aggregator API</title>
<link rel="icon" href="{STATIC}/favicon-32x32.png">
<link rel="stylesheet" href="{STATIC}/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{STATIC}/swagger-ui-bundle.js"></script>
<script src="{STATIC}/docs.js"></script>
</body>
</html>
"""
# Swagger UI shows its icons as data URLs; nothing may come from elsewhere.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@get("/docs", include_in_schema=False, sync_to_thread=False)
def show_docs() -> Response[str]:
    """Show Swagger UI."""
    return Response(PAGE, media_type=MediaType.HTML, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})


def static_files() -> Router:
    """Serve what the page loads."""
    directory = Path(__file__).with_name("static")
    return create_static_files_router(path=STATIC, directories=[directory], include_in_schema=False)


class _ExactDescription(JsonRenderPlugin):
    """Adds what Litestar has no place for: headers, links, the second type of a PATCH.

    Schemas and bodies become what `described_schemas` makes of them.
    """

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Render the description as JSON."""
        models = openapi_schema["components"]["schemas"]
        for model in models.values():
            fields = model.get("properties", {})
            fields.update({name: describe_field(field) for name, field in fields.items()})
        for operations in openapi_schema["paths"].values():
            for operation in operations.values():
                for status, answer in operation["responses"].items():
                    answer["headers"] = answer_headers(operation, status, answer)
                # It may have been rendered before.
                others = [each for each in operation.get("parameters", []) if each["in"] != "header"]
                for parameter in others:
                    describe_parameter(parameter)
                operation["parameters"] = others + request_headers(operation)
                for body in operation.get("requestBody", {}).get("content", {}).values():
                    body["example"] = example_body(models, body["schema"])
            if "patch" in operations:
                body = operations["patch"]["requestBody"]["content"]
                body[MERGE_PATCH] = body[JSON]
        paths = openapi_schema["paths"].values()
        describe_links([operation for operations in paths for operation in operations.values()])
        return super().render(request, openapi_schema)


async def _refuse_pages(response: Response[Any]) -> Response[Any]:
    """Make a problem of the page that Litestar shows where there is no description."""
    if response.status_code == NOT_FOUND.status:
        raise NotFoundException
    return response


def openapi_config() -> OpenAPIConfig:
    """Describe the API at /schema/openapi.json."""
    return OpenAPIConfig(
        title="Product Aggregator",
        version=version("product-aggregator"),
        description=DESCRIPTION,
        license=License(name="MIT", identifier="MIT"),
        openapi_router=Router("/schema", route_handlers=[], include_in_schema=False, after_request=_refuse_pages),
        use_handler_docstrings=True,
        render_plugins=[_ExactDescription(path="/openapi.json")],
        components=Components(
            security_schemes={
                ADMIN_SCHEME: SecurityScheme(
                    type="http",
                    scheme="bearer",
                    bearer_format="JWT",
                    description="The token of `POST /login`; who logs in at `/docs` need not enter it there.",
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
