"""The wiring of PostgreSQL: its engines, and the adapters that stand on them."""

import asyncio
from collections.abc import AsyncIterator

from dishka import Provider, Scope, provide
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.metrics.metrics import Metrics
from adapters.postgres.access.api_keys import SqlAlchemyKeyReader
from adapters.postgres.access.audit_log import SqlAlchemyAuditReader
from adapters.postgres.access.audit_upkeep import SqlAlchemyAuditUpkeep
from adapters.postgres.access.key_uses import SqlAlchemyKeyUses
from adapters.postgres.access.login_failures import SqlAlchemyLoginFailures
from adapters.postgres.alerts.alert_repository import SqlAlchemyAlertReader
from adapters.postgres.alerts.alert_upkeep import SqlAlchemyAlertUpkeep
from adapters.postgres.catalogue.census import SqlAlchemyCensus
from adapters.postgres.catalogue.purge import SqlAlchemyCataloguePurge
from adapters.postgres.connection import close_engine, create_engine
from adapters.postgres.events.event_reader import PostgresEventReader
from adapters.postgres.events.event_upkeep import PostgresEventUpkeep
from adapters.postgres.pool import queue_of, with_reserved
from adapters.postgres.prices.dropped_history import SqlAlchemyRetentionReader
from adapters.postgres.prices.listed_changes import SqlAlchemyListedChanges
from adapters.postgres.prices.rollup import SqlAlchemyHistoryUpkeep
from adapters.postgres.schema import require_way_past_pooler
from adapters.postgres.synchronisation.token_store import SqlAlchemyTokenStore
from adapters.postgres.unit_of_work import BeginSqlAlchemyWork
from adapters.postgres.webhooks.due_webhooks import PostgresDueWebhooks
from adapters.postgres.webhooks.webhook_reader import SqlAlchemyWebhookReader
from adapters.postgres.webhooks.webhook_upkeep import SqlAlchemyWebhookUpkeep
from application.access.api_keys import KeyReader, KeyUses
from application.access.audit_records import AuditReader, AuditUpkeep
from application.access.login_limits import LoginFailures
from application.alerts.reading import AlertReader
from application.alerts.repositories import AlertUpkeep
from application.catalogue.census import Census
from application.catalogue.purge import CataloguePurge
from application.clock import Clock
from application.events.event_log import EventReader, EventUpkeep
from application.prices.listed_changes import ListedChanges
from application.prices.readers import RetentionReader
from application.prices.rollup import HistoryUpkeep
from application.synchronisation.access_token.store import TokenStore
from application.unit_of_work import BeginWork
from application.webhooks.ports import DueWebhooks, WebhookReader, WebhookUpkeep
from domain.prices.retention import Retention
from entrypoints.configuration.settings import Settings
from entrypoints.limits import Limits
from entrypoints.wiring.engines import DirectEngine, ProbeEngine, SessionEngine


class Database(Provider):
    """PostgreSQL: engines, unit of work, readers and upkeep."""

    scope = Scope.APP

    @provide
    async def engine(self, settings: Settings, limits: Limits, metrics: Metrics) -> AsyncIterator[AsyncEngine]:
        engine = create_engine(settings.dsn, limits.database, pooled=settings.pooled)
        metrics.database.watch_pool(limits.database.connections, queue_of(engine))
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
    def probe_engine(self, engine: AsyncEngine, limits: Limits) -> ProbeEngine:
        return ProbeEngine(with_reserved(engine) if limits.database.reserved else engine)

    @provide
    def retention(self, settings: Settings) -> Retention:
        return settings.retention

    @provide
    def retention_reader(self, engine: AsyncEngine, retention: Retention) -> RetentionReader:
        return SqlAlchemyRetentionReader(engine, retention)

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
    def token_store(self, engine: ProbeEngine) -> TokenStore:
        return SqlAlchemyTokenStore(engine)
