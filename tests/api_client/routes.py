"""All routes of the API and of the pages, for tests of what none may lack."""

import re

from litestar import Litestar
from litestar.routes import HTTPRoute

from api_client.api import MISSING

VALUES = {
    "product_id": str(MISSING),
    "offer_id": str(MISSING),
    "key_id": str(MISSING),
    "alert_id": str(MISSING),
    "webhook_id": str(MISSING),
    "slug": "not-found",
    "name": "docs.js",
    "path": "anything",
}
PAGES = re.compile(r"/|/(catalogue|admin|static|preferences)(/.*)?")


def routes(app: Litestar) -> list[tuple[str, str]]:
    """Return all methods and path templates of the API, documented or not."""
    return [route for route in _all_routes(app) if not is_page(route[1])]


def pages(app: Litestar) -> list[tuple[str, str]]:
    """Return all methods and path templates of the pages."""
    return [route for route in _all_routes(app) if is_page(route[1])]


def is_page(template: str) -> bool:
    """Return whether this is a path of the pages."""
    return bool(PAGES.fullmatch(template))


def _all_routes(app: Litestar) -> list[tuple[str, str]]:
    assert all(isinstance(route, HTTPRoute) for route in app.routes)
    return [(method, route.path_format) for route in app.routes for method in sorted(route.methods)]


ENDLESS = "/events/stream"
"""A route whose answer does not end, unless it is refused."""


def filled(template: str, **values: str) -> str:
    """Return a path of the template, unless a value is given of a product that does not exist."""
    if template == ENDLESS:
        return f"{template}?after=refused"
    return re.sub(r"\{(\w+)\}", lambda match: (VALUES | values)[match[1]], template)


PUBLIC_ROUTES = frozenset(
    {
        ("POST", "/login"),
        ("GET", "/products"),
        ("GET", "/products/{product_id}"),
        ("GET", "/products/{product_id}/offers"),
        ("GET", "/products/{product_id}/offers/{offer_id}"),
        ("GET", "/products/{product_id}/offers/{offer_id}/prior-price"),
        ("GET", "/products/{product_id}/prior-price"),
        ("GET", "/products/{product_id}/price-history"),
        ("GET", "/products/{product_id}/price-change"),
        ("GET", "/products/{product_id}/price-statistics"),
        ("GET", "/events"),
        ("GET", "/events/stream"),
        ("GET", "/exports/products.ndjson"),
        ("GET", "/exports/products.csv"),
        ("GET", "/exports/price-history.ndjson"),
        ("GET", "/exports/price-history.csv"),
        ("GET", "/health/live"),
        ("GET", "/health/ready"),
        ("GET", "/problems/{slug}"),
        ("GET", "/schema/openapi.json"),
        ("GET", "/docs"),
        ("GET", "/docs/static/{name}"),
        ("GET", "/openapi.json"),
        ("GET", "/schema/asyncapi.json"),
        ("GET", "/favicon.ico"),
        ("GET", "/.well-known/api-catalog"),
    }
)
"""The routes of the contract that anybody may call; every other one is for admins."""

WIDENED = {("GET", "/events"), ("GET", "/events/stream")}
"""Public routes that show more to admins and keys, so that they refuse a token that is none."""

SCOPES = {
    ("POST", "/alerts"): "alerts:write",
    ("GET", "/alerts"): "alerts:read",
    ("GET", "/alerts/{alert_id}"): "alerts:read",
    ("PATCH", "/alerts/{alert_id}"): "alerts:write",
    ("DELETE", "/alerts/{alert_id}"): "alerts:write",
    ("POST", "/alerts/simulate"): "alerts:read",
    ("POST", "/alerts/suggest"): "alerts:read",
    ("POST", "/products"): "catalogue:write",
    ("POST", "/products/batch"): "catalogue:write",
    ("PATCH", "/products/{product_id}"): "catalogue:write",
    ("PUT", "/products/{product_id}"): "catalogue:write",
    ("DELETE", "/products/{product_id}"): "catalogue:write",
    ("POST", "/products/{product_id}/register"): "catalogue:write",
    ("GET", "/products"): "synchronisation:read",
    ("GET", "/events"): "alerts:read",
    ("GET", "/events/stream"): "alerts:read",
    ("GET", "/exports/products.ndjson"): "synchronisation:read",
    ("GET", "/exports/products.csv"): "synchronisation:read",
    ("GET", "/products/{product_id}/synchronisation"): "synchronisation:read",
    ("GET", "/audit"): "audit:read",
    ("POST", "/webhooks"): "webhooks:write",
    ("GET", "/webhooks"): "webhooks:write",
    ("GET", "/webhooks/{webhook_id}"): "webhooks:write",
    ("PATCH", "/webhooks/{webhook_id}"): "webhooks:write",
    ("DELETE", "/webhooks/{webhook_id}"): "webhooks:write",
    ("POST", "/webhooks/{webhook_id}/rotate"): "webhooks:write",
    ("POST", "/webhooks/{webhook_id}/ping"): "webhooks:write",
    ("POST", "/webhooks/{webhook_id}/replay"): "webhooks:write",
    ("GET", "/webhooks/{webhook_id}/deliveries"): "webhooks:write",
}
"""What a key needs for a route of the contract; of the public ones, for `attention` and events of alerts.

No other route takes keys.
"""
