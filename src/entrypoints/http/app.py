"""The Litestar application: routes, what they are given, who may call them, what becomes of errors."""

from datetime import timedelta
from functools import partial

from argon2 import PasswordHasher
from dishka import AsyncContainer
from litestar import Litestar, Router
from litestar.types import ASGIApp

from adapters.metrics import Metrics
from application.access.login_limits import LoginLimits
from application.catalogue.registration import (
    AmendProduct,
    RegisterProduct,
    RegisterProductOnce,
    RetryRegistration,
    WithdrawProduct,
)
from application.prices.insight import OfferHistory, PriceChange, PriceStatistics
from application.prices.price_history import OfferPriceHistory, PriceHistory
from application.synchronisation.timing import Pace
from application.unit_of_work import CatalogueReader, Clock
from entrypoints.http.auth.access_tokens import AccessTokens, RequireAdmin
from entrypoints.http.auth.credentials import Credentials
from entrypoints.http.auth.login import login
from entrypoints.http.conditional_reads import Catalogue, Freshness
from entrypoints.http.health import HealthController
from entrypoints.http.injection import constant
from entrypoints.http.middleware.cors import Cors
from entrypoints.http.middleware.load_shedding import (
    COSTLY_AT_ONCE,
    COSTLY_WAITING,
    PLACES,
    Admission,
    TurnedAway,
    Turns,
)
from entrypoints.http.middleware.request_log import RequestLog
from entrypoints.http.middleware.time_limit import REQUEST_SECONDS, TimeLimit
from entrypoints.http.openapi.docs import openapi_config, show_docs, static_files
from entrypoints.http.openapi.schemas import DescribedModels
from entrypoints.http.prices.price_controller import InsightController
from entrypoints.http.problems.explanations import explain_problem
from entrypoints.http.problems.mapping import answer_problem
from entrypoints.http.products.catalogue_controller import CatalogueController
from entrypoints.http.products.idempotency import Registering
from entrypoints.http.products.not_modified import Unchanged
from entrypoints.http.products.product_controller import ProductController
from entrypoints.http.request_validation import LARGEST_BODY, JsonRequest, require_readable, require_what_is_known
from entrypoints.readiness import Dependencies, SharedCheck
from entrypoints.settings import Settings

PRODUCTS = [CatalogueController, ProductController]


async def create_app(container: AsyncContainer) -> Litestar:
    """Make the application; all that handlers use is made here once, none of it per request."""
    settings = await container.get(Settings)
    clock = await container.get(Clock)
    access_tokens = AccessTokens(settings.jwt_secret, timedelta(seconds=settings.jwt_lifetime))
    credentials = Credentials(
        settings.admin_username,
        settings.admin_password_hash or partial(PasswordHasher().hash, settings.admin_password),
        await container.get(LoginLimits),
    )
    freshness = Freshness(clock, (await container.get(Pace)).refresh_interval)
    catalogue = Catalogue(await container.get(CatalogueReader), freshness)
    app = Litestar(
        route_handlers=[
            login,
            Router("/", route_handlers=PRODUCTS, before_request=require_what_is_known),
            Router(
                "/",
                route_handlers=[InsightController],
                before_request=require_what_is_known,
                middleware=[Turns(COSTLY_AT_ONCE, COSTLY_WAITING)],
            ),
            HealthController,
            explain_problem,
            show_docs,
            static_files(),
        ],
        dependencies={
            "access_tokens": constant(access_tokens),
            "credentials": constant(credentials),
            "registering": constant(
                Registering(await container.get(RegisterProduct), await container.get(RegisterProductOnce))
            ),
            "amend_product": constant(await container.get(AmendProduct)),
            "withdraw_product": constant(await container.get(WithdrawProduct)),
            "retry_registration": constant(await container.get(RetryRegistration)),
            "catalogue": constant(catalogue),
            "price_history": constant(await container.get(PriceHistory)),
            "offer_price_history": constant(await container.get(OfferPriceHistory)),
            "price_change": constant(await container.get(PriceChange)),
            "price_statistics": constant(await container.get(PriceStatistics)),
            "offer_history": constant(await container.get(OfferHistory)),
            "clock": constant(clock),
            "shared_check": constant(SharedCheck(await container.get(Dependencies))),
        },
        # A coroutine: Litestar would run a plain function in a thread, behind the password checks.
        before_request=require_readable,
        exception_handlers={Exception: answer_problem},
        openapi_config=openapi_config(),
        logging_config=None,
        middleware=[TimeLimit(REQUEST_SECONDS), RequireAdmin(access_tokens)],
        plugins=[DescribedModels()],
        request_class=JsonRequest,
        request_max_body_size=LARGEST_BODY,
    )
    count = (await container.get(Metrics)).request
    turned_away: ASGIApp = TurnedAway(count)
    app.asgi_handler = Unchanged(app.asgi_handler, catalogue)
    # Litestar's own middleware does not see requests for unknown routes.
    if settings.origins:
        app.asgi_handler = Cors(app.asgi_handler, settings.origins)
        turned_away = Cors(turned_away, settings.origins)
    app.asgi_handler = Admission(RequestLog(app.asgi_handler, count), turned_away, PLACES)
    return app
