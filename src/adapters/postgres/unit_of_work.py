"""One transaction over all repositories."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from adapters.postgres.access.api_keys import SqlAlchemyKeyRepository
from adapters.postgres.access.audit_log import SqlAlchemyAuditLog
from adapters.postgres.alerts.alert_repository import SqlAlchemyAlertRepository
from adapters.postgres.alerts.state_repository import SqlAlchemyAlertStateRepository
from adapters.postgres.catalogue.idempotency_key_repository import SqlAlchemyIdempotencyKeyRepository
from adapters.postgres.catalogue.product_repository import SqlAlchemyProductRepository
from adapters.postgres.connection import open_session
from adapters.postgres.events.event_log import PostgresEventLog
from adapters.postgres.synchronisation.offer_repository import SqlAlchemyOfferRepository
from adapters.postgres.synchronisation.synchronisation_repository import SqlAlchemySynchronisationRepository
from adapters.postgres.webhooks.webhook_repository import SqlAlchemyWebhookRepository
from application.access.api_keys import KeyRepository
from application.access.audit import AuditLog
from application.alerts.repositories import AlertRepository, AlertStateRepository
from application.catalogue.idempotency_keys import IdempotencyKeyRepository
from application.catalogue.product_repository import ProductRepository
from application.events.event_log import EventLog
from application.synchronisation.repositories import OfferRepository, SynchronisationRepository
from application.unit_of_work import UnitOfWork
from application.webhooks.ports import WebhookRepository
from domain.prices.retention import Retention

_NOW = select(func.now())


class SqlAlchemyUnitOfWork:
    """The repositories over one session, and its commit."""

    def __init__(self, session: AsyncSession, retention: Retention) -> None:
        self._session = session
        self.products: ProductRepository = SqlAlchemyProductRepository(session)
        self.synchronisations: SynchronisationRepository = SqlAlchemySynchronisationRepository(session)
        self.offers: OfferRepository = SqlAlchemyOfferRepository(session, retention)
        self.idempotency_keys: IdempotencyKeyRepository = SqlAlchemyIdempotencyKeyRepository(session)
        self.keys: KeyRepository = SqlAlchemyKeyRepository(session)
        self.audit: AuditLog = SqlAlchemyAuditLog(session)
        self.events: EventLog = PostgresEventLog(session)
        self.alerts: AlertRepository = SqlAlchemyAlertRepository(session)
        self.alert_states: AlertStateRepository = SqlAlchemyAlertStateRepository(session)
        self.webhooks: WebhookRepository = SqlAlchemyWebhookRepository(session)

    async def now(self) -> datetime:
        now: datetime = (await self._session.execute(_NOW)).scalar_one()
        return now

    async def commit(self) -> None:
        await self._session.commit()


@dataclass(frozen=True, slots=True)
class BeginSqlAlchemyWork:
    """Begins units of work on one engine."""

    engine: AsyncEngine
    retention: Retention

    def __call__(self) -> AbstractAsyncContextManager[UnitOfWork]:
        return self._begin()

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[UnitOfWork]:
        async with open_session(self.engine) as session:
            yield SqlAlchemyUnitOfWork(session, self.retention)
