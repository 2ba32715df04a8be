"""Swagger UI over the OpenAPI description. It loads nothing from the network."""

from mimetypes import guess_type
from pathlib import Path
from typing import Annotated, Any

from litestar import MediaType, Request, get
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter
from litestar.response.base import ASGIResponse

from entrypoints.http.conditional_reads import PAGE_AGE, answer_read
from entrypoints.http.problems.problem_types import prefix_of
from entrypoints.http.route_declarations import PUBLIC

STATIC = "/docs/static"

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Product Aggregator API</title>
<link rel="icon" href="{static}/favicon-32x32.png">
<link rel="stylesheet" href="{static}/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{static}/swagger-ui-bundle.js"></script>
<script src="{static}/docs.js"></script>
</body>
</html>
"""
# Swagger UI shows its icons as data URLs; everything else comes from here.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FAVICON = "favicon-32x32.png"
STATIC_FILES = {path.name: path for path in Path(__file__).with_name("static").iterdir()}


@get("/docs", include_in_schema=False, sync_to_thread=False, opt=PUBLIC)
def show_docs(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Show Swagger UI."""
    page = PAGE.format(static=prefix_of(request.scope["state"]) + STATIC).encode()
    policy = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    return answer_read(request, page, max_age=PAGE_AGE, media_type=MediaType.HTML, headers=policy)


@get(STATIC + "/{name:str}", include_in_schema=False, sync_to_thread=True, opt=PUBLIC)
def show_file(
    request: Request[Any, Any, Any], name: Annotated[str, PathParameter(description="The file's name.")]
) -> ASGIResponse:
    """Send a file that the page loads. Only those that are there at the start have a name here."""
    if name not in STATIC_FILES:
        raise NotFoundException
    media_type = guess_type(name)[0] or MediaType.TEXT
    return answer_read(request, STATIC_FILES[name].read_bytes(), max_age=PAGE_AGE, media_type=media_type)


@get("/favicon.ico", include_in_schema=False, sync_to_thread=True, opt=PUBLIC)
def show_favicon(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Send the icon to browsers, which ask for it here for every page."""
    return answer_read(request, STATIC_FILES[FAVICON].read_bytes(), max_age=PAGE_AGE, media_type="image/png")
