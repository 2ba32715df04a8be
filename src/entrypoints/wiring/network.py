"""The wiring of calls to other machines: to the Offers service and to the receivers of webhooks."""

import random
from collections.abc import AsyncIterator

from dishka import Provider, Scope, provide

from adapters.delivery_log import LoggedDeliveries
from adapters.metrics.metrics import Metrics
from adapters.offers_api.token_seal import AesGcmTokenSeal
from adapters.token_log import LoggedTokenEvents
from adapters.webhooks.secret_seal import AesGcmSecretSeal
from application.clock import Clock
from application.synchronisation.access_token.secret import Secret
from application.synchronisation.access_token.shared_token import SharedAccessToken
from application.synchronisation.access_token.store import TokenSeal, TokenStore
from application.synchronisation.offers_gateway import OffersGateway
from application.webhooks.delivery import DeliveryObserver
from application.webhooks.ports import SecretSeal, WebhookSender
from application.webhooks.targets import TargetPolicy
from entrypoints.configuration.settings import Settings
from entrypoints.limits import Limits
from entrypoints.wiring.instruments import Instruments


class Network(Provider):
    """The Offers service with its access token, and the receivers of webhooks."""

    scope = Scope.APP

    @provide
    def token_seal(self, settings: Settings) -> TokenSeal:
        return AesGcmTokenSeal(settings.upstream, Secret(settings.offers_refresh_token))

    @provide
    async def access_token(
        self,
        settings: Settings,
        store: TokenStore,
        seal: TokenSeal,
        metrics: Metrics,
        limits: Limits,
        clock: Clock,
        instruments: Instruments,
    ) -> AsyncIterator[SharedAccessToken]:
        # Imported here and below, because the API makes no calls and starts sooner without a client for them.
        from entrypoints.worker.upstream import make_issuer

        issuer = make_issuer(settings, limits, metrics, clock, instruments)
        token = SharedAccessToken(
            refresh_token=Secret(settings.offers_refresh_token),
            seal=seal,
            store=store,
            issue=issuer,
            timing=limits.token,
            clock=clock,
            jitter=random.random,
            observe=LoggedTokenEvents(metrics.upstream.renewal),
        )
        metrics.upstream.watch_token(lambda: token.expires_at)
        yield token
        await token.aclose()
        await issuer.aclose()

    @provide
    async def offers_gateway(
        self,
        settings: Settings,
        token: SharedAccessToken,
        metrics: Metrics,
        limits: Limits,
        clock: Clock,
        instruments: Instruments,
    ) -> AsyncIterator[OffersGateway]:
        from entrypoints.worker.upstream import make_gateway

        gateway = make_gateway(settings, token, limits, metrics, clock, instruments)
        yield gateway
        await gateway.aclose()

    @provide
    def webhook_targets(self, settings: Settings) -> TargetPolicy:
        return settings.webhook_targets

    @provide
    def secret_seal(self, settings: Settings) -> SecretSeal:
        return AesGcmSecretSeal(settings.offers_refresh_token)

    @provide
    def delivery_observer(self, metrics: Metrics) -> DeliveryObserver:
        return LoggedDeliveries(metrics.webhooks.attempt, metrics.webhooks.given_up.inc, metrics.webhooks.skips.inc)

    @provide
    async def webhook_sender(self, settings: Settings, limits: Limits) -> AsyncIterator[WebhookSender]:
        from entrypoints.worker.receivers import make_sender

        sender = make_sender(settings, limits)
        yield sender
        await sender.aclose()
