"""The making of the clients for the Offers service."""

from httpx import AsyncBaseTransport

from adapters.metrics.metrics import Metrics
from adapters.offers_api.call_limits import CallLimits
from adapters.offers_api.gateway import HttpxOffersGateway
from adapters.offers_api.http_client import HttpClient
from adapters.offers_api.inspection import HttpxUpstreamInspection
from adapters.offers_api.token_issuer import HttpxTokenIssuer
from adapters.outgoing_http.transport import pooled_transport
from application.clock import Clock
from application.synchronisation.access_token.secret import Secret
from application.synchronisation.access_token.shared_token import SharedAccessToken
from entrypoints.configuration.settings import Settings
from entrypoints.limits import Limits
from entrypoints.wiring.instruments import Instruments


def make_issuer(
    settings: Settings, limits: Limits, metrics: Metrics, clock: Clock, instruments: Instruments
) -> HttpxTokenIssuer:
    """Make the issuer of access tokens, with a connection of its own."""
    client = _client(settings, limits, metrics, clock, instruments, connections=1)
    return HttpxTokenIssuer(client, Secret(settings.offers_refresh_token))


def make_gateway(
    settings: Settings,
    token: SharedAccessToken,
    limits: Limits,
    metrics: Metrics,
    clock: Clock,
    instruments: Instruments,
) -> HttpxOffersGateway:
    """Make the gateway, with as many connections as calls may be under way."""
    concurrency = settings.offers_concurrency
    places = CallLimits(
        concurrency=concurrency,
        waiting=limits.upstream.waiting,
        calls_per_second=settings.offers_rate_limit,
        patience=limits.upstream.turn,
    )
    client = _client(settings, limits, metrics, clock, instruments, connections=concurrency)
    return HttpxOffersGateway(client, token, places)


def make_inspection(settings: Settings, limits: Limits, clock: Clock) -> HttpxUpstreamInspection:
    """Make the inspection of a diagnosis, with a connection of its own."""
    transport = _transport(settings, limits, connections=1)
    return HttpxUpstreamInspection(settings.upstream, transport, clock, limits.upstream.connect)


def _client(
    settings: Settings, limits: Limits, metrics: Metrics, clock: Clock, instruments: Instruments, *, connections: int
) -> HttpClient:
    transport = instruments.call(_transport(settings, limits, connections=connections))
    return HttpClient(
        settings.upstream, transport=transport, limits=limits.upstream, observe=metrics.upstream.call, clock=clock
    )


def _transport(settings: Settings, limits: Limits, *, connections: int) -> AsyncBaseTransport:
    return pooled_transport(
        connections=connections,
        idle_seconds=limits.upstream.idle,
        head=limits.upstream.head,
        sent=limits.upstream.sent,
        ca_file=settings.offers_ca_file,
        proxy=settings.offers_proxy,
    )
