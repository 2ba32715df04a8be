"""All routes of the pages. Those for admins are behind one guard, so that a new one cannot be left open."""

from litestar import Router
from litestar.types import ControllerRouterHandler

from entrypoints.web.admin_controller import AdminController
from entrypoints.web.assets import show_asset
from entrypoints.web.catalogue_controller import CatalogueController
from entrypoints.web.login import log_in, log_out, show_login
from entrypoints.web.product_controller import ProductController
from entrypoints.web.sessions import Sessions


def web_routes(sessions: Sessions) -> list[ControllerRouterHandler]:
    """Return the handlers of the pages."""
    admin = Router("/admin", route_handlers=[AdminController], guards=[sessions.guard])
    return [CatalogueController, ProductController, show_login, log_in, log_out, show_asset, admin]
