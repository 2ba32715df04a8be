"""Links and redirects to the description and the docs, for clients that know only the base URL."""

from typing import Any

import msgspec
from litestar import Request, get
from litestar.response.base import ASGIResponse

from entrypoints.http.conditional_reads import PAGE_AGE, answer_read
from entrypoints.http.problems.problem_types import prefix_of
from entrypoints.http.route_declarations import PUBLIC

DESCRIPTION, DOCS, CATALOG = "/schema/openapi.json", "/docs", "/.well-known/api-catalog"
EVENTS = "/schema/asyncapi.json"
LINKSET = 'application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"'


@get("/openapi.json", include_in_schema=False, sync_to_thread=False, opt=PUBLIC)
def lead_to_description(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Lead to the description from where many tools look for it."""
    return _lead_to(request, DESCRIPTION)


@get(CATALOG, include_in_schema=False, sync_to_thread=False, opt=PUBLIC)
def show_catalog(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Show the links to everything, in the form of RFC 9727."""
    prefix = prefix_of(request.scope["state"])
    catalog = {
        "linkset": [
            {
                "anchor": f"{prefix}/",
                "service-desc": [
                    {"href": prefix + DESCRIPTION, "type": "application/json"},
                    {"href": prefix + EVENTS, "type": "application/json"},
                ],
                "service-doc": [{"href": prefix + DOCS, "type": "text/html"}],
                "status": [{"href": f"{prefix}/health/ready", "type": "application/json"}],
            }
        ]
    }
    body = msgspec.json.encode(catalog)
    return answer_read(request, body, max_age=PAGE_AGE, media_type=LINKSET, headers={"Link": description_links(prefix)})


def _lead_to(request: Request[Any, Any, Any], path: str) -> ASGIResponse:
    prefix = prefix_of(request.scope["state"])
    headers = {
        "Location": prefix + path,
        "Link": description_links(prefix),
        "Cache-Control": f"public, max-age={PAGE_AGE}",
    }
    return ASGIResponse(status_code=302, headers=headers)


def description_links(prefix: str) -> str:
    """Return the Link header that leads programs to the description (RFC 8631)."""
    return (
        f'<{prefix}{DESCRIPTION}>; rel="service-desc"; type="application/json", '
        f'<{prefix}{DOCS}>; rel="service-doc"; type="text/html", '
        f'<{prefix}{CATALOG}>; rel="api-catalog"'
    )
