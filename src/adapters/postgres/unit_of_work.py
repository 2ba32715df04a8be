"""One transaction over all repositories."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.catalogue.idempotency_keys import SqlAlchemyAnswerRepository
from adapters.postgres.catalogue.product_repository import SqlAlchemyProductRepository
from adapters.postgres.connection import Connection, connect
from adapters.postgres.synchronisation.offer_repository import SqlAlchemyOfferRepository
from adapters.postgres.synchronisation.synchronisation_repository import SqlAlchemySynchronisationRepository
from application.catalogue.idempotency_keys import AnswerRepository
from application.unit_of_work import OfferRepository, ProductRepository, SynchronisationRepository, UnitOfWork
from domain.retention import Retention


class SqlAlchemyUnitOfWork:
    """The repositories over one connection, and its commit."""

    def __init__(self, connection: Connection, retention: Retention) -> None:
        self._connection = connection
        self.products: ProductRepository = SqlAlchemyProductRepository(connection)
        self.synchronisations: SynchronisationRepository = SqlAlchemySynchronisationRepository(connection)
        self.offers: OfferRepository = SqlAlchemyOfferRepository(connection, retention)
        self.answers: AnswerRepository = SqlAlchemyAnswerRepository(connection)

    async def commit(self) -> None:
        await self._connection.commit()


@dataclass(frozen=True, slots=True)
class BeginSqlAlchemyWork:
    """Begins units of work on one engine."""

    engine: AsyncEngine
    retention: Retention

    def __call__(self) -> AbstractAsyncContextManager[UnitOfWork]:
        return self._begin()

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[UnitOfWork]:
        async with connect(self.engine) as connection:
            yield SqlAlchemyUnitOfWork(connection, self.retention)
