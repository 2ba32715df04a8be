"""The API's manual: its OpenAPI description, and Swagger UI over it that loads nothing from the network."""

from importlib.metadata import version
from pathlib import Path

from litestar import MediaType, Response, Router, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Tag
from litestar.static_files import create_static_files_router

from entrypoints.http.access import ADMIN_SCHEME

STATIC = "/docs/static"

DESCRIPTION = """\
A product catalogue that watches, for every product, who offers it, at what price and with how many in stock.

Anybody reads. Admins log in with `POST /login` and send the access token as `Authorization: Bearer …`.
Prices are integers in the Offers service's own unit, times are UTC in RFC 3339, and what is not known is `null`.
Every error is a problem (RFC 9457) whose `type` is a path of this API that explains it.
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
# Swagger UI sets style attributes and shows its icons as data URLs; nothing may come from elsewhere.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
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


def openapi_config() -> OpenAPIConfig:
    """Describe the API at /schema/openapi.json."""
    return OpenAPIConfig(
        title="Product Aggregator",
        version=version("product-aggregator"),
        description=DESCRIPTION,
        license=License(name="MIT", identifier="MIT"),
        path="/schema",
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        components=Components(
            security_schemes={
                ADMIN_SCHEME: SecurityScheme(
                    type="http", scheme="bearer", bearer_format="JWT", description="The token of `POST /login`."
                )
            }
        ),
        tags=[
            Tag(name="login", description="How an admin gets an access token."),
            Tag(name="catalogue", description="Products and their current offers."),
            Tag(name="health", description="For probes and operators."),
            Tag(name="problems", description="What the errors mean."),
        ],
    )
