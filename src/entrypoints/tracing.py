"""The wiring of traces: spans around requests, jobs, ports and calls. Imported only while they are on."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from dishka import Provider, Scope, provide
from litestar.types import Scope as RequestScope
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.trace import SpanKind

from adapters.tracing.export import close_provider, otlp_exporter, tracer_provider
from adapters.tracing.ports import POSTGRESQL, asynchronous, traced, traced_job, traced_work
from adapters.tracing.requests import TracedRequests
from adapters.tracing.spans import Spans
from application.access.api_keys import KeyReader
from application.access.audit_records import AuditReader, AuditUpkeep
from application.access.login_limits import LoginFailures
from application.alerts.reading import AlertReader
from application.alerts.repositories import AlertUpkeep
from application.catalogue.as_of import CatalogueAsOfReader
from application.catalogue.catalogue_reader import CatalogueReader
from application.catalogue.census import Census
from application.catalogue.export import CatalogueExport
from application.catalogue.purge import CataloguePurge
from application.diagnosis.facts import InspectDatabase, InspectUpkeep
from application.events.event_log import EventReader, EventUpkeep
from application.housekeeping import KeepHouse
from application.prices.export import RecordedSteps
from application.prices.listed_changes import ListedChanges, RefreshListedChanges
from application.prices.readers import OfferPriceReader, PriceReader, RetentionReader
from application.prices.rollup import HistoryUpkeep
from application.prices.trends import PriceTrends
from application.synchronisation.access_token.store import TokenStore
from application.synchronisation.offers_gateway import OffersGateway
from application.synchronisation.refresh import RefreshDueProducts
from application.synchronisation.registrations import SubmitRegistrations
from application.unit_of_work import BeginWork
from application.webhooks.ports import WebhookReader, WebhookSender, WebhookUpkeep
from entrypoints.configuration.settings import Settings
from entrypoints.http.middleware.load_shedding import ALWAYS_SERVED
from entrypoints.http.request_state import ROUTE
from entrypoints.limits import Limits
from entrypoints.wiring.instruments import Instruments
from entrypoints.wiring.use_cases import UseCases

STORAGE: tuple[Any, ...] = (
    *(AuditReader, AuditUpkeep, KeyReader, LoginFailures, TokenStore),
    *(CatalogueAsOfReader, CatalogueExport, CataloguePurge, CatalogueReader, Census),
    *(AlertReader, AlertUpkeep, EventReader, EventUpkeep, WebhookReader, WebhookUpkeep),
    *(HistoryUpkeep, ListedChanges, OfferPriceReader, PriceReader, PriceTrends, RecordedSteps, RetentionReader),
    *(InspectDatabase, InspectUpkeep),
)
"""The ports of PostgreSQL beside the unit of work."""
JOBS: dict[Any, str] = {
    SubmitRegistrations: "submit_registrations",
    RefreshDueProducts: "refresh_due_products",
    KeepHouse: "housekeeping",
    RefreshListedChanges: "price_changes",
}
"""Each run is a trace: of a batch, for the first two."""


class Tracing(Provider):
    """The spans, and their exporter."""

    scope = Scope.APP

    @provide
    def exporter(self, settings: Settings, limits: Limits) -> SpanExporter:
        """Return the exporter to the collector."""
        assert settings.otel_exporter_otlp_endpoint is not None  # noqa: S101 - else nothing is traced
        return otlp_exporter(settings.otel_exporter_otlp_endpoint, limits.traces)

    @provide
    async def spans(self, exporter: SpanExporter, limits: Limits) -> AsyncIterator[Spans]:
        """Return the maker of spans."""
        provider = tracer_provider(exporter, limits.traces)
        yield Spans(provider.get_tracer("product-aggregator"), limits.traces.spans_of_a_name)
        await close_provider(provider, limits.traces.end)

    @provide(override=True)
    def instruments(self, spans: Spans) -> Instruments:
        """Put spans around requests and calls."""

        def call(transport: Any) -> Any:
            # Imported here, because the API makes no calls and starts sooner without a client for them.
            from adapters.tracing.transport import TracedTransport

            return TracedTransport(transport, spans)

        return Instruments(partial(TracedRequests, spans=spans, route_of=_route_of, untraced=ALWAYS_SERVED), call)


def make_tracing() -> Provider:
    """Return the provider that puts spans around everything."""
    tracing = Tracing()
    for port in STORAGE:
        _decorate(tracing, port, partial(traced, port=port.__name__, kind=SpanKind.CLIENT, attributes=POSTGRESQL))
    for port in (OffersGateway, WebhookSender):
        _decorate(tracing, port, partial(traced, port=port.__name__, kind=SpanKind.INTERNAL))
    _decorate(tracing, BeginWork, traced_work)
    for use_case in _use_cases():
        _decorate(tracing, use_case, partial(traced, port=use_case.__name__, kind=SpanKind.INTERNAL))
    for job, name in JOBS.items():
        _decorate(tracing, job, partial(traced_job, name=name))
    return tracing


def _use_cases() -> list[type]:
    """Return the use-cases that run inside of a request or a job."""
    provided = {factory.provides.type_hint for factory in UseCases().factories}
    return [each for each in provided if asynchronous(vars(each).get("__call__")) and each not in JOBS]


def _decorate(provider: Provider, port: Any, put_around: Callable[..., Any]) -> None:
    def decorated(inner: Any, spans: Any) -> Any:
        return put_around(inner, spans=spans)

    # dishka reads the port and the dependencies of a decorator from the annotations.
    decorated.__annotations__ = {"inner": port, "spans": Spans, "return": port}
    provider.decorate(decorated)


def _route_of(scope: RequestScope) -> str | None:
    route: str | None = scope.get("state", {}).get(ROUTE)
    return route
