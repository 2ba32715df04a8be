"""OPTIONS, a method that no path has: Litestar adds it to all, and its answers leave other methods out."""

from typing import Any, NoReturn

from litestar import Request
from litestar.exceptions import MethodNotAllowedException
from litestar.routes import HTTPRoute

OPTIONS = "OPTIONS"


def refuse_options(request: Request[Any, Any, Any]) -> NoReturn:
    """Refuse what Litestar would answer by itself.

    Raises:
        MethodNotAllowedException
    """
    template = request.scope["path_template"]
    routes = (route for route in request.app.routes if isinstance(route, HTTPRoute))
    methods = [method for route in routes if route.path_format == template for method in route.methods]
    raise MethodNotAllowedException(headers={"allow": ", ".join(methods)})


def allowed(methods: str) -> str:
    """Return what the Allow header lists, of all that Litestar has for a path."""
    return ", ".join(sorted({method.strip() for method in methods.split(",")} - {OPTIONS}))
