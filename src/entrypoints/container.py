"""The wiring of adapters to ports; use_cases.py wires ports to use-cases. Everything lives as long as the process."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from dishka import AsyncContainer, Provider, Scope, from_context, make_async_container, provide
from saq.queue.postgres import PostgresQueue
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.clock_log import LoggedClockDifference
from adapters.delivery_log import LoggedDeliveries
from adapters.job_queue import SaqJobQueue, SaqRegistrationSignal, connect_queue, postgres_queue
from adapters.metrics import Metrics
from adapters.offers_api.token_seal import AesGcmTokenSeal
from adapters.postgres.access.api_keys import SqlAlchemyKeyReader
from adapters.postgres.access.audit_log import SqlAlchemyAuditReader
from adapters.postgres.access.audit_upkeep import SqlAlchemyAuditUpkeep
from adapters.postgres.access.key_uses import SqlAlchemyKeyUses
from adapters.postgres.access.login_failures import SqlAlchemyLoginFailures
from adapters.postgres.alerts.alert_repository import SqlAlchemyAlertReader
from adapters.postgres.alerts.alert_upkeep import SqlAlchemyAlertUpkeep
from adapters.postgres.catalogue.census import SqlAlchemyCensus
from adapters.postgres.catalogue.purge import SqlAlchemyCataloguePurge
from adapters.postgres.clock import database_time
from adapters.postgres.connection import close_engine, create_engine
from adapters.postgres.diagnosis.inspection import (
    SqlAlchemyDatabaseInspection,
    SqlAlchemySynchronisationInspection,
    SqlAlchemyUpkeepInspection,
)
from adapters.postgres.events.event_reader import PostgresEventReader
from adapters.postgres.events.event_upkeep import PostgresEventUpkeep
from adapters.postgres.pool import queue_of, with_reserved
from adapters.postgres.prices.dropped_history import SqlAlchemyRetentionReader
from adapters.postgres.prices.listed_changes import SqlAlchemyListedChanges
from adapters.postgres.prices.rollup import SqlAlchemyHistoryUpkeep
from adapters.postgres.schema import require_way_past_pooler, schema_state
from adapters.postgres.synchronisation.token_store import SqlAlchemyTokenStore
from adapters.postgres.unit_of_work import BeginSqlAlchemyWork
from adapters.postgres.webhooks.due_webhooks import PostgresDueWebhooks
from adapters.postgres.webhooks.webhook_reader import SqlAlchemyWebhookReader
from adapters.postgres.webhooks.webhook_upkeep import SqlAlchemyWebhookUpkeep
from adapters.token_log import LoggedTokenEvents
from adapters.webhooks.secret_seal import AesGcmSecretSeal
from application.access.api_keys import KeyReader, KeyUses
from application.access.audit_records import AuditReader, AuditUpkeep
from application.access.login_limits import LoginFailures
from application.alerts.reading import AlertReader
from application.alerts.repositories import AlertUpkeep
from application.catalogue.census import Census
from application.catalogue.purge import CataloguePurge
from application.catalogue.registration import RegistrationSignal
from application.clock import Clock
from application.clock_watch import ClockWatch
from application.diagnosis.diagnose import Diagnose
from application.diagnosis.facts import InspectDatabase, InspectUpkeep
from application.diagnosis.finding import Finding
from application.diagnosis.shared import SharedDiagnosis
from application.events.event_log import EventReader, EventUpkeep
from application.events.feed import EventFeed
from application.prices.listed_changes import ListedChanges
from application.prices.readers import RetentionReader
from application.prices.rollup import HistoryUpkeep
from application.synchronisation.access_token.secret import Secret
from application.synchronisation.access_token.shared_token import SharedAccessToken
from application.synchronisation.access_token.store import TokenSeal, TokenStore, token_state
from application.synchronisation.lag import ReadLag
from application.synchronisation.offers_gateway import OffersGateway
from application.synchronisation.scheduling import JobQueue
from application.synchronisation.timing import Timing
from application.unit_of_work import BeginWork
from application.webhooks.delivery import DeliveryObserver
from application.webhooks.ports import DueWebhooks, SecretSeal, WebhookReader, WebhookSender, WebhookUpkeep
from application.webhooks.targets import TargetPolicy
from domain.prices.retention import Retention
from entrypoints.configuration.settings import Settings
from entrypoints.engines import DirectEngine, ProbeEngine, SessionEngine
from entrypoints.instruments import Instruments
from entrypoints.limits import SERVING, Limits
from entrypoints.readers import Readers, ReadSources
from entrypoints.readiness import DIFFERS, OK, Dependencies, Stopping
from entrypoints.use_cases import UseCases

if TYPE_CHECKING:
    from adapters.offers_api.inspection import HttpxUpstreamInspection


class Adapters(Provider):
    """The outside: PostgreSQL, the job queue, the Offers service, the clock."""

    scope = Scope.APP
    settings = from_context(Settings)
    limits = from_context(Limits)

    @provide
    def timing(self, settings: Settings) -> Timing:
        return Timing(refresh_interval=settings.refresh_interval)

    @provide
    def stopping(self) -> Stopping:
        return Stopping()

    @provide
    def instruments(self) -> Instruments:
        return Instruments()

    @provide
    def clock(self) -> Clock:
        return lambda: datetime.now(UTC)

    @provide
    def metrics(self) -> Metrics:
        return Metrics()

    @provide
    async def engine(self, settings: Settings, limits: Limits, metrics: Metrics) -> AsyncIterator[AsyncEngine]:
        engine = create_engine(settings.dsn, limits.database, pooled=settings.pooled)
        metrics.watch_pool(limits.database.connections, queue_of(engine))
        yield engine
        await close_engine(engine, limits.database.close)

    @provide
    async def direct_engine(
        self, settings: Settings, limits: Limits, engine: AsyncEngine
    ) -> AsyncIterator[DirectEngine]:
        if settings.database_direct_url is None:
            yield DirectEngine(engine)
            return
        direct = create_engine(settings.direct_dsn, limits.past_pooler)
        yield DirectEngine(direct)
        await close_engine(direct, limits.database.close)

    @provide
    async def session_engine(self, engine: AsyncEngine, direct: DirectEngine) -> SessionEngine:
        if direct is not engine:
            await require_way_past_pooler(direct)
        return SessionEngine(direct)

    @provide
    def retention(self, settings: Settings) -> Retention:
        return settings.retention

    @provide
    def probe_engine(self, engine: AsyncEngine, limits: Limits) -> ProbeEngine:
        return ProbeEngine(with_reserved(engine) if limits.database.reserved else engine)

    @provide
    def retention_reader(self, engine: AsyncEngine, retention: Retention) -> RetentionReader:
        return SqlAlchemyRetentionReader(engine, retention)

    @provide
    def clock_watch(self, engine: ProbeEngine, clock: Clock, metrics: Metrics) -> ClockWatch:
        return ClockWatch(clock, partial(database_time, engine), LoggedClockDifference(metrics.clock))

    @provide
    def begin_work(self, engine: AsyncEngine, retention: Retention) -> BeginWork:
        return BeginSqlAlchemyWork(engine, retention)

    @provide
    def login_failures(self, engine: AsyncEngine) -> LoginFailures:
        return SqlAlchemyLoginFailures(engine)

    @provide
    def key_reader(self, engine: AsyncEngine) -> KeyReader:
        return SqlAlchemyKeyReader(engine)

    @provide
    async def key_uses(self, engine: AsyncEngine, clock: Clock, limits: Limits) -> AsyncIterator[KeyUses]:
        uses = SqlAlchemyKeyUses(engine, clock, limits.keys.between_writes)
        running = asyncio.create_task(uses.run())
        yield uses
        uses.close()
        await asyncio.wait([running], timeout=limits.database.pool_wait + limits.database.statement)

    @provide
    def audit_reader(self, engine: AsyncEngine) -> AuditReader:
        return SqlAlchemyAuditReader(engine)

    @provide
    def audit_upkeep(self, engine: SessionEngine, settings: Settings) -> AuditUpkeep:
        return SqlAlchemyAuditUpkeep(engine, settings.audit_kept)

    @provide
    def event_reader(self, engine: AsyncEngine) -> EventReader:
        return PostgresEventReader(engine)

    @provide
    def event_feed(self, reader: EventReader, stopping: Stopping, limits: Limits) -> EventFeed:
        return EventFeed(reader, lambda: stopping.requested, limits.requests.event_feed)

    @provide
    def event_upkeep(self, engine: SessionEngine, settings: Settings) -> EventUpkeep:
        return PostgresEventUpkeep(engine, settings.events_kept)

    @provide
    def alert_reader(self, engine: AsyncEngine) -> AlertReader:
        return SqlAlchemyAlertReader(engine)

    @provide
    def alert_upkeep(self, engine: AsyncEngine, settings: Settings) -> AlertUpkeep:
        return SqlAlchemyAlertUpkeep(engine, settings.events_kept)

    @provide
    def due_webhooks(self, engine: AsyncEngine) -> DueWebhooks:
        return PostgresDueWebhooks(engine)

    @provide
    def webhook_reader(self, engine: AsyncEngine) -> WebhookReader:
        return SqlAlchemyWebhookReader(engine)

    @provide
    def webhook_upkeep(self, engine: SessionEngine, limits: Limits) -> WebhookUpkeep:
        return SqlAlchemyWebhookUpkeep(engine, limits.deliveries_kept)

    @provide
    def webhook_targets(self, settings: Settings) -> TargetPolicy:
        return settings.webhook_targets

    @provide
    def secret_seal(self, settings: Settings) -> SecretSeal:
        return AesGcmSecretSeal(settings.offers_refresh_token)

    @provide
    def delivery_observer(self, metrics: Metrics) -> DeliveryObserver:
        return LoggedDeliveries(metrics.webhook_attempt, metrics.webhooks_given_up.inc, metrics.webhook_skips.inc)

    @provide
    async def webhook_sender(self, settings: Settings, limits: Limits) -> AsyncIterator[WebhookSender]:
        from entrypoints.worker.receivers import make_sender

        sender = make_sender(settings, limits)
        yield sender
        await sender.aclose()

    @provide
    def catalogue_purge(self, engine: AsyncEngine) -> CataloguePurge:
        return SqlAlchemyCataloguePurge(engine)

    @provide
    def census(self, engine: AsyncEngine) -> Census:
        return SqlAlchemyCensus(engine)

    @provide
    def history_upkeep(self, engine: SessionEngine, retention: Retention) -> HistoryUpkeep:
        return SqlAlchemyHistoryUpkeep(engine, retention)

    @provide
    def listed_changes(self, engine: AsyncEngine) -> ListedChanges:
        return SqlAlchemyListedChanges(engine)

    @provide
    async def postgres_queue(
        self, settings: Settings, limits: Limits, clocks: ClockWatch, _sessions: SessionEngine
    ) -> AsyncIterator[PostgresQueue]:
        queue = postgres_queue(settings.direct_dsn, limits.queue, idle=lambda: clocks.too_far)
        await connect_queue(queue)
        yield queue
        await queue.disconnect()

    @provide
    def saq_job_queue(self, queue: PostgresQueue, timing: Timing) -> SaqJobQueue:
        return SaqJobQueue(queue, timing.lease.total_seconds())

    @provide
    def job_queue(self, queue: SaqJobQueue) -> JobQueue:
        return queue

    @provide
    async def registration_signal(self, queue: SaqJobQueue, limits: Limits) -> AsyncIterator[RegistrationSignal]:
        signal = SaqRegistrationSignal(queue)
        running = asyncio.create_task(signal.run())
        yield signal
        signal.close()
        await asyncio.wait([running], timeout=limits.queue.pool_wait)

    @provide
    def token_seal(self, settings: Settings) -> TokenSeal:
        return AesGcmTokenSeal(settings.upstream, Secret(settings.offers_refresh_token))

    @provide
    def token_store(self, engine: ProbeEngine) -> TokenStore:
        return SqlAlchemyTokenStore(engine)

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
            observe=LoggedTokenEvents(metrics.renewal),
        )
        metrics.watch_token(lambda: token.expires_at)
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
    def dependencies(
        self,
        engine: ProbeEngine,
        queue: SaqJobQueue,
        store: TokenStore,
        seal: TokenSeal,
        clocks: ClockWatch,
        limits: Limits,
    ) -> Dependencies:
        async def clock_state() -> str:
            return DIFFERS if await clocks.ask() else OK

        schema = partial(schema_state, engine)
        token = partial(token_state, store, seal)
        return Dependencies(schema, queue.state, token, clock_state, limits.requests.check)

    @provide
    def inspect_database(self, engine: AsyncEngine, direct: DirectEngine, settings: Settings) -> InspectDatabase:
        return SqlAlchemyDatabaseInspection(engine, direct if settings.database_direct_url else None)

    @provide
    def inspect_upkeep(self, engine: AsyncEngine) -> InspectUpkeep:
        return SqlAlchemyUpkeepInspection(engine)

    @provide
    async def diagnose(
        self,
        settings: Settings,
        engine: AsyncEngine,
        inspect_database: InspectDatabase,
        inspect_upkeep: InspectUpkeep,
        census: Census,
        read_lag: ReadLag,
        store: TokenStore,
        seal: TokenSeal,
        webhooks: WebhookReader,
        clocks: ClockWatch,
        timing: Timing,
        limits: Limits,
        sources: ReadSources,
    ) -> AsyncIterator[Diagnose]:
        def make_upstream_inspection() -> "HttpxUpstreamInspection":
            from entrypoints.worker.upstream import make_inspection

            return make_inspection(settings, limits, clocks.clock)

        # In a thread: requests under way must not wait for the import of a client and its certificates.
        upstream = await asyncio.to_thread(make_upstream_inspection)
        yield Diagnose(
            inspect_database,
            partial(schema_state, engine),
            SqlAlchemySynchronisationInspection(engine),
            inspect_upkeep,
            upstream,
            census,
            read_lag,
            partial(token_state, store, seal),
            webhooks.summary,
            clocks,
            timing,
            limits.diagnosis,
            sources.inspect,
        )
        await upstream.aclose()

    @provide
    def shared_diagnosis(self, container: AsyncContainer, limits: Limits) -> SharedDiagnosis:
        async def diagnose() -> list[Finding]:
            # Made when it is asked for the first time, which most processes never are.
            return await (await container.get(Diagnose))()

        return SharedDiagnosis(diagnose, time.monotonic, limits.diagnosis_kept)


def make_container(settings: Settings, *overrides: Provider, limits: Limits = SERVING) -> AsyncContainer:
    """Wire everything; `overrides` take the place of our providers. Nothing is made before it is needed."""
    context = {Settings: settings, Limits: limits}
    return make_async_container(Adapters(), Readers(), UseCases(), *overrides, context=context)
