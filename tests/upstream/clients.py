"""The gateway, the token issuer and the shared token, made by hand as the container makes them."""

import random
from collections.abc import Callable

from adapters.offers_api.call_limits import CallLimits
from adapters.offers_api.gateway import AccessToken, HttpxOffersGateway
from adapters.offers_api.http_client import HttpClient
from adapters.offers_api.limits import HttpLimits
from adapters.offers_api.token_issuer import HttpxTokenIssuer
from adapters.offers_api.token_seal import AesGcmTokenSeal
from adapters.outgoing_http.transport import pooled_transport
from application.clock import Clock
from application.synchronisation.access_token.issuing import TokenIssuer
from application.synchronisation.access_token.renewal import TokenEvent, TokenObserver
from application.synchronisation.access_token.secret import Secret
from application.synchronisation.access_token.shared_token import SharedAccessToken
from application.synchronisation.access_token.store import TokenStore
from application.synchronisation.access_token.timing import TokenTiming
from application.synchronisation.upstream_calls import CallObserver, Endpoint, NoAnswer
from storages.databases import system_clock


def unobserved(endpoint: Endpoint, result: int | NoAnswer, seconds: float) -> None:
    """Ignore the call."""


def client_of(
    base_url: str,
    *,
    connections: int = 8,
    limits: HttpLimits | None = None,
    observe: CallObserver = unobserved,
    ca_file: str | None = None,
    proxy: str | None = None,
) -> HttpClient:
    limits = limits or HttpLimits()
    transport = pooled_transport(
        connections=connections,
        idle_seconds=limits.idle,
        head=limits.head,
        sent=limits.sent,
        ca_file=ca_file,
        proxy=proxy,
    )
    return HttpClient(base_url, transport=transport, limits=limits, observe=observe, clock=system_clock)


def gateway_of(
    base_url: str,
    token: AccessToken,
    *,
    concurrency: int = 8,
    limits: HttpLimits | None = None,
    observe: CallObserver = unobserved,
    ca_file: str | None = None,
    proxy: str | None = None,
) -> HttpxOffersGateway:
    limits = limits or HttpLimits()
    client = client_of(base_url, connections=concurrency, limits=limits, observe=observe, ca_file=ca_file, proxy=proxy)
    places = CallLimits(concurrency=concurrency, waiting=limits.waiting, calls_per_second=None, patience=limits.turn)
    return HttpxOffersGateway(client, token, places)


def issuer_of(
    base_url: str, refresh_token: str, *, limits: HttpLimits | None = None, observe: CallObserver = unobserved
) -> HttpxTokenIssuer:
    return HttpxTokenIssuer(client_of(base_url, connections=1, limits=limits, observe=observe), Secret(refresh_token))


def _ignore(event: TokenEvent, *, reason: str = "", failures: int = 0, seconds: float = 0.0) -> None: ...


def shared_token_of(
    base_url: str,
    refresh_token: str,
    *,
    store: TokenStore,
    issue: TokenIssuer,
    clock: Clock,
    timing: TokenTiming | None = None,
    jitter: Callable[[], float] = random.random,
    observe: TokenObserver = _ignore,
) -> SharedAccessToken:
    return SharedAccessToken(
        refresh_token=Secret(refresh_token),
        seal=AesGcmTokenSeal(base_url, Secret(refresh_token)),
        store=store,
        issue=issue,
        timing=timing or TokenTiming(),
        clock=clock,
        jitter=jitter,
        observe=observe,
    )
