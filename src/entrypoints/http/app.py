"""The Litestar application: routes, their dependencies, the checks before them, and the problems of errors."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from argon2 import PasswordHasher
from dishka import AsyncContainer
from litestar import Litestar, Request, Router
from litestar.di import Provide
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp

from adapters.metrics.metrics import Metrics
from application.access.api_keys import KeyReader
from application.access.audit_records import AuditReader
from application.access.key_management import CreateKey, RecordLogin, RevokeKey
from application.access.key_verification import VerifyKey
from application.access.login_limits import LoginLimits
from application.alerts.back_test import SimulateAlert, SuggestThreshold
from application.alerts.management import AmendAlert, CreateAlert, DeleteAlert
from application.alerts.reading import AlertReader
from application.bounded_queue import BoundedQueue
from application.catalogue.as_of import ReadCatalogueAsOf
from application.catalogue.catalogue_reader import CatalogueReader
from application.catalogue.editing import AmendProduct, WithdrawProduct
from application.catalogue.export import CatalogueExport
from application.catalogue.registration import RegisterProduct, RegisterProducts, RetryRegistration
from application.clock import Clock
from application.diagnosis.shared import SharedDiagnosis
from application.events.feed import EventFeed
from application.events.read_events import FollowEvents, PullEvents
from application.fair_queue import FairQueue
from application.prices.export import ExportPriceHistory
from application.prices.offer_history import ReadOfferHistory
from application.prices.price_change import ComparePrices, FindPriorOfferPrice, FindPriorPrice
from application.prices.price_history import ReadOfferPriceHistory, ReadPriceHistory
from application.prices.price_statistics import SummarisePrices
from application.prices.trends import PriceTrends
from application.synchronisation.lag import ReadLag
from application.synchronisation.timing import Timing
from application.webhooks.management import AmendWebhook, CreateWebhook, DeleteWebhook, RotateSecret
from application.webhooks.on_demand import PingWebhook, ReplayEvents
from application.webhooks.ports import WebhookReader
from entrypoints.configuration.allowed_hosts import AllowedHosts
from entrypoints.configuration.settings import Settings
from entrypoints.configuration.zones import find_zone, zone_names
from entrypoints.http.alerts.alert_controller import AlertController
from entrypoints.http.alerts.back_test_controller import BackTestController
from entrypoints.http.audit.audit_controller import AuditController
from entrypoints.http.audit.cursors import AuditCursors
from entrypoints.http.auth.access_tokens import AccessTokens
from entrypoints.http.auth.callers import Callers, provide_actor
from entrypoints.http.auth.client_address import client_address, listener_of, network_of
from entrypoints.http.auth.credentials import Credentials, composed
from entrypoints.http.auth.login import login
from entrypoints.http.conditional_reads import Freshness
from entrypoints.http.events.access import CallersEventAccess
from entrypoints.http.events.async_description import describe_events
from entrypoints.http.events.event_controller import EventController
from entrypoints.http.events.event_stream import StreamPlaces
from entrypoints.http.exports.price_export_controller import PriceExportController
from entrypoints.http.exports.product_export_controller import ProductExportController
from entrypoints.http.exports.streaming import Streams
from entrypoints.http.health import HealthController
from entrypoints.http.keys.key_controller import KeyController
from entrypoints.http.middleware.cors import Cors
from entrypoints.http.middleware.load_shedding import SHED, Kind, ShedRequests
from entrypoints.http.middleware.request_frame import UNKNOWN, RequestFrame
from entrypoints.http.middleware.standby_reads import StandbyReadable
from entrypoints.http.openapi.description import openapi_config
from entrypoints.http.openapi.discovery import lead_to_description, show_catalog
from entrypoints.http.openapi.docs import show_docs, show_favicon, show_file
from entrypoints.http.openapi.schemas import DescribedModels
from entrypoints.http.prices.history_controller import HistoryController
from entrypoints.http.prices.price_controller import PriceController
from entrypoints.http.prices.prior_price_controller import PriorPriceController
from entrypoints.http.problems.explanations import explain_problem
from entrypoints.http.products.as_of import Past, ProductReads
from entrypoints.http.products.batch_controller import BatchController, Batches
from entrypoints.http.products.catalogue import Catalogue
from entrypoints.http.products.creating import create_product
from entrypoints.http.products.cursors import Cursors
from entrypoints.http.products.editing import EDITS
from entrypoints.http.products.list_controller import ListController
from entrypoints.http.products.lists import Lists
from entrypoints.http.products.not_modified import NotModified
from entrypoints.http.products.product_controller import ProductController
from entrypoints.http.request_validation import JsonRequest, RequestChecks
from entrypoints.http.route_declarations import Place, constant
from entrypoints.http.webhooks.cursors import DeliveryCursors
from entrypoints.http.webhooks.delivery_controller import DeliveryController
from entrypoints.http.webhooks.webhook_controller import WebhookController
from entrypoints.limits import Limits, RequestLimits
from entrypoints.readiness import Dependencies, SharedCheck, Stopping
from entrypoints.web.assets import Assets
from entrypoints.web.error_pages import ErrorPages
from entrypoints.web.overloaded import answer_overloaded_to_all
from entrypoints.web.pages import Pages
from entrypoints.web.routes import web_routes
from entrypoints.web.sessions import Sessions
from entrypoints.wiring.instruments import Instruments

COUNTED_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
USE_CASES = {
    "register_product": RegisterProduct,
    "amend_product": AmendProduct,
    "withdraw_product": WithdrawProduct,
    "retry_registration": RetryRegistration,
    "export_catalogue": CatalogueExport,
    "export_price_history": ExportPriceHistory,
    "read_price_history": ReadPriceHistory,
    "read_offer_price_history": ReadOfferPriceHistory,
    "compare_prices": ComparePrices,
    "summarise_prices": SummarisePrices,
    "read_offer_history": ReadOfferHistory,
    "find_prior_price": FindPriorPrice,
    "find_prior_offer_price": FindPriorOfferPrice,
    "read_lag": ReadLag,
    "create_key": CreateKey,
    "revoke_key": RevokeKey,
    "record_login": RecordLogin,
    "key_reader": KeyReader,
    "audit_reader": AuditReader,
    "pull_events": PullEvents,
    "follow_events": FollowEvents,
    "shared_diagnosis": SharedDiagnosis,
    "create_alert": CreateAlert,
    "amend_alert": AmendAlert,
    "delete_alert": DeleteAlert,
    "alert_reader": AlertReader,
    "simulate_alert": SimulateAlert,
    "suggest_threshold": SuggestThreshold,
    "create_webhook": CreateWebhook,
    "amend_webhook": AmendWebhook,
    "rotate_secret": RotateSecret,
    "delete_webhook": DeleteWebhook,
    "ping_webhook": PingWebhook,
    "replay_events": ReplayEvents,
    "webhook_reader": WebhookReader,
}


async def create_app(container: AsyncContainer) -> Litestar:
    """Make the application. The dependencies of handlers are resolved once, here, and not at every request."""
    settings = await container.get(Settings)
    limits = (await container.get(Limits)).requests
    clock = await container.get(Clock)
    access_tokens = AccessTokens(
        settings.jwt_secret,
        timedelta(seconds=settings.jwt_lifetime),
        clock,
        admin=composed(settings.admin_username),
        credential=settings.admin_password_hash or settings.admin_password,
        accepted=settings.accepted_secrets,
    )
    callers = Callers(access_tokens, await container.get(VerifyKey))
    freshness = Freshness(clock, (await container.get(Timing)).refresh_interval)
    costly = _places(limits.costly_reads.queue())
    past = Past(await container.get(ReadCatalogueAsOf), costly)
    catalogue = Catalogue(await container.get(CatalogueReader), freshness)
    credentials = Credentials(
        settings.admin_username,
        settings.admin_password_hash or partial(PasswordHasher().hash, composed(settings.admin_password)),
        await container.get(LoginLimits),
        limits.password_checks.queue(),
    )
    sessions = Sessions(access_tokens, settings.jwt_secret)
    assets = Assets()
    pages = Pages(assets, sessions, clock, find_zone)
    # Looks through directories, which a request must not wait for.
    zone_names()
    batches = Batches(await container.get(RegisterProducts), limits.batches.queue(), limits.mistakes_of_each)
    metrics = await container.get(Metrics)
    shed = ShedRequests(metrics.http.request)
    exports = limits.exports.queue()
    metrics.http.watch_exports(partial(getattr, exports, "present"))
    event_streams = limits.event_streams.queue()
    feed = await container.get(EventFeed)
    metrics.http.watch_event_streams(partial(getattr, event_streams, "present"), lambda: feed.withheld)
    streams = Streams(_places(exports), limits.export_total, limits.export_pause, metrics.http.export)
    app = Litestar(
        route_handlers=[
            login,
            ListController,
            Router("/", route_handlers=[BatchController], request_max_body_size=limits.batch_body),
            ProductController,
            # Behind the controllers that share their paths: Litestar would make OPTIONS of these twice.
            create_product,
            *EDITS,
            HistoryController,
            PriceController,
            ProductExportController,
            PriceExportController,
            PriorPriceController,
            EventController,
            describe_events,
            KeyController,
            AuditController,
            AlertController,
            BackTestController,
            WebhookController,
            DeliveryController,
            HealthController,
            explain_problem,
            show_docs,
            show_file,
            show_favicon,
            lead_to_description,
            show_catalog,
            *web_routes(sessions),
        ],
        dependencies={
            **{name: constant(await container.get(use_case)) for name, use_case in USE_CASES.items()},
            "access_tokens": constant(access_tokens),
            "actor": Provide(provide_actor, sync_to_thread=False),
            "audit_cursors": constant(AuditCursors(settings.jwt_secret)),
            "credentials": constant(credentials),
            "delivery_cursors": constant(DeliveryCursors(settings.jwt_secret)),
            "catalogue": constant(catalogue),
            "reads": constant(ProductReads(catalogue, past)),
            "lists": constant(Lists(catalogue.reader, freshness, Cursors(settings.jwt_secret), past)),
            "costly": Provide(costly, sync_to_thread=False),
            "streams": constant(streams),
            "event_access": constant(CallersEventAccess(callers)),
            "event_streams": constant(
                StreamPlaces(
                    lambda request: event_streams.place(listener_of(request.scope)),
                    limits.event_stalled,
                    metrics.http.event_stream,
                )
            ),
            "batches": constant(batches),
            "clock": constant(clock),
            "price_trends": constant(await container.get(PriceTrends)),
            "timing": constant(await container.get(Timing)),
            "assets": constant(assets),
            "pages": constant(pages),
            "sessions": constant(sessions),
            "shared_check": constant(SharedCheck(await container.get(Dependencies), await container.get(Stopping))),
        },
        # A coroutine: Litestar would run a plain function in a thread, behind the password checks.
        before_request=RequestChecks(callers, limits.mistakes).__call__,
        exception_handlers={Exception: ErrorPages(pages)},
        openapi_config=openapi_config(),
        logging_config=None,
        plugins=[DescribedModels()],
        request_class=JsonRequest,
        request_max_body_size=limits.body,
        on_shutdown=[shed.log],
    )
    metrics.http.serving(_routes(app))
    handler: ASGIApp = NotModified(app.asgi_handler, catalogue)
    if settings.database_read_url is not None:
        handler = StandbyReadable(handler)
    instruments = await container.get(Instruments)
    app.asgi_handler = instruments.request(_framed(handler, settings, limits, metrics, shed))
    return app


def _routes(app: Litestar) -> Iterator[tuple[str, str]]:
    """Yield the methods and templates under which requests are counted, those without a route included."""
    routes = [route for route in app.routes if isinstance(route, HTTPRoute)]
    yield from ((method, route.path_format) for route in routes for method in route.methods)
    yield from ((method, template) for method in COUNTED_METHODS for template in (UNKNOWN, SHED))


def _places(queue: FairQueue) -> Callable[[Request[Any, Any, Any]], Place]:
    """Return a function that gives each request its caller's place."""

    def place(request: Request[Any, Any, Any]) -> Place:
        return queue.place(network_of(client_address(request)))

    return place


def _framed(app: ASGIApp, settings: Settings, limits: RequestLimits, metrics: Metrics, shed: ShedRequests) -> ASGIApp:
    """Put the frame around everything: Litestar's own middleware does not see requests for unknown routes."""
    overloaded: ASGIApp = answer_overloaded_to_all
    if settings.origins:
        app, overloaded = Cors(app, settings.origins), Cors(overloaded, settings.origins)
    places = {
        Kind.READ: BoundedQueue(at_once=limits.reads, waiting=0),
        Kind.WRITE: BoundedQueue(at_once=limits.writes, waiting=limits.writes_waiting, patience=limits.write_wait),
    }
    shared = {
        Kind.FORM: limits.forms.queue(),
        Kind.SEARCH: limits.searches.queue(),
        Kind.EVENTS: limits.event_streams.queue(),
        Kind.BATCH: limits.batch_bodies.queue(),
    }
    for kind, queue in {**places, **shared}.items():
        metrics.http.watch_requests(kind.name.lower(), partial(getattr, queue, "present"))
    return RequestFrame(
        app,
        overloaded,
        places=places,
        shared=shared,
        seconds=limits.request,
        longer={Kind.EVENTS: limits.event_wait},
        count=metrics.http.request,
        shed=shed,
        prefix=settings.root_path,
        allowed=None if settings.hosts is None else AllowedHosts(settings.hosts),
    )
