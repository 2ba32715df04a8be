"""Swagger UI over the OpenAPI description. It loads nothing from the network."""

from pathlib import Path

from litestar import MediaType, Response, Router, get
from litestar.static_files import create_static_files_router

from entrypoints.http.route_declarations import Declaration, declared

STATIC = "/docs/static"
_FOR_EVERYBODY = declared(Declaration(public=True, ignores_query=True))

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
# Swagger UI shows its icons as data URLs; everything else comes from here.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@get("/docs", include_in_schema=False, sync_to_thread=False, opt=_FOR_EVERYBODY)
def show_docs() -> Response[str]:
    """Show Swagger UI."""
    return Response(PAGE, media_type=MediaType.HTML, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})


def static_files() -> Router:
    """Serve the files that the page loads."""
    directory = Path(__file__).with_name("static")
    return create_static_files_router(path=STATIC, directories=[directory], include_in_schema=False, opt=_FOR_EVERYBODY)
