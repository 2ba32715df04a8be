"""All routes of the pages. Those for admins are behind one guard, so that a new one cannot be left open."""

from typing import Any

from litestar import Router
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler
from litestar.types import ControllerRouterHandler

from entrypoints.web.admin.admin_controller import AdminController
from entrypoints.web.admin.audit_controller import AuditController
from entrypoints.web.admin.diagnosis_controller import DiagnosisController
from entrypoints.web.admin.key_controller import KeyController
from entrypoints.web.alerts.alert_controller import AlertController
from entrypoints.web.alerts.alert_edit_controller import AlertEditController
from entrypoints.web.alerts.product_alert_controller import ProductAlertController
from entrypoints.web.alerts.trial import provide_back_tests
from entrypoints.web.assets import show_asset
from entrypoints.web.login import log_in, log_out, show_login
from entrypoints.web.products.catalogue_controller import CatalogueController
from entrypoints.web.products.product_controller import ProductController
from entrypoints.web.products.product_edit_controller import ProductEditController
from entrypoints.web.sessions import Sessions
from entrypoints.web.webhooks.delivery_controller import DeliveryController
from entrypoints.web.webhooks.webhook_controller import WebhookController


def web_routes(sessions: Sessions) -> list[ControllerRouterHandler]:
    """Return the handlers of the pages."""

    # A function, because Litestar copies routers deeply: with a bound method it would copy the sessions and the clock.
    async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        await sessions.guard(connection, handler)

    controllers: list[ControllerRouterHandler] = [
        AdminController,
        ProductEditController,
        KeyController,
        AuditController,
        DiagnosisController,
        WebhookController,
        DeliveryController,
        AlertController,
        AlertEditController,
        ProductAlertController,
    ]
    trials = {"trials": Provide(provide_back_tests, sync_to_thread=False)}
    admin = Router("/admin", route_handlers=controllers, guards=[guard], dependencies=trials)
    return [CatalogueController, ProductController, show_login, log_in, log_out, show_asset, admin]
