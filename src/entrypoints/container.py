"""What is wired to what: adapters to ports here, ports to use-cases beside. Everything lives as long as the process."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from dishka import AsyncContainer, Provider, Scope, from_context, make_async_container, provide
from saq.queue.postgres import PostgresQueue
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.job_queue import SaqJobQueue, SaqRegistrationSignal, postgres_queue
from adapters.metrics import Metrics
from adapters.offers_api.access_token import SharedAccessToken
from adapters.offers_api.gateway import AiohttpOffersGateway
from adapters.offers_api.http_client import HttpLimits
from adapters.offers_api.token_issuer import AiohttpTokenIssuer
from adapters.offers_api.token_pace import TokenPace
from adapters.postgres.access.login_failures import SqlAlchemyLoginFailures
from adapters.postgres.catalogue.catalogue_reader import SqlAlchemyCatalogueReader
from adapters.postgres.catalogue.purge import SqlAlchemyRowKeeper
from adapters.postgres.connection import create_engine
from adapters.postgres.prices.dropped_history import read_dropped
from adapters.postgres.prices.offer_price_reader import SqlAlchemyOfferPriceReader
from adapters.postgres.prices.price_changes import SqlAlchemyPriceChanges
from adapters.postgres.prices.price_reader import SqlAlchemyPriceReader
from adapters.postgres.prices.rollup import SqlAlchemyHistoryKeeper
from adapters.postgres.schema import is_newer
from adapters.postgres.synchronisation.token_store import SqlAlchemyTokenStore
from adapters.postgres.unit_of_work import BeginSqlAlchemyWork
from application.access.login_limits import LoginFailures
from application.catalogue.registration import RegistrationSignal
from application.housekeeping import PriceChanges, RowKeeper
from application.prices.readers import OfferPriceReader, PriceReader
from application.synchronisation.offers_gateway import OffersGateway
from application.synchronisation.scheduling import JobQueue
from application.synchronisation.timing import Pace
from application.unit_of_work import BeginWork, CatalogueReader, Clock
from domain.retention import Retention
from entrypoints.readiness import Dependencies
from entrypoints.settings import Settings
from entrypoints.use_cases import UseCases


@dataclass(frozen=True, slots=True)
class DatabaseUse:
    """How a kind of process uses the database: connections of each pool, seconds that one statement may take."""

    connections: int
    statement_seconds: float
    queue_connections: int


SERVING = DatabaseUse(connections=10, statement_seconds=2.0, queue_connections=2)
WORKING = DatabaseUse(connections=10, statement_seconds=10.0, queue_connections=6)
MIGRATING = DatabaseUse(connections=3, statement_seconds=600.0, queue_connections=1)


class Adapters(Provider):
    """The outside: PostgreSQL, the job queue, the Offers service, the clock."""

    scope = Scope.APP
    settings = from_context(Settings)
    database = from_context(DatabaseUse)

    @provide
    def clock(self) -> Clock:
        return lambda: datetime.now(UTC)

    @provide
    def metrics(self) -> Metrics:
        return Metrics()

    @provide
    async def engine(self, settings: Settings, use: DatabaseUse, metrics: Metrics) -> AsyncIterator[AsyncEngine]:
        engine = create_engine(settings.dsn, connections=use.connections, statement_seconds=use.statement_seconds)
        metrics.watch_pool(engine)
        yield engine
        await engine.dispose()

    @provide
    async def retention(self, settings: Settings, engine: AsyncEngine) -> Retention:
        # Once: what is dropped while this process runs is what it no longer serves.
        return replace(settings.retention, dropped=await read_dropped(engine))

    @provide
    def begin_work(self, engine: AsyncEngine, retention: Retention) -> BeginWork:
        return BeginSqlAlchemyWork(engine, retention)

    @provide
    def catalogue_reader(self, engine: AsyncEngine, pace: Pace) -> CatalogueReader:
        return SqlAlchemyCatalogueReader(engine, pace.refresh_interval, pace.sold_out_kept)

    @provide
    def price_reader(self, engine: AsyncEngine) -> PriceReader:
        return SqlAlchemyPriceReader(engine)

    @provide
    def offer_price_reader(self, engine: AsyncEngine) -> OfferPriceReader:
        return SqlAlchemyOfferPriceReader(engine)

    @provide
    def login_failures(self, engine: AsyncEngine) -> LoginFailures:
        return SqlAlchemyLoginFailures(engine)

    @provide
    def row_keeper(self, engine: AsyncEngine) -> RowKeeper:
        return SqlAlchemyRowKeeper(engine)

    @provide
    def history_keeper(self, engine: AsyncEngine, retention: Retention) -> SqlAlchemyHistoryKeeper:
        return SqlAlchemyHistoryKeeper(engine, retention)

    @provide
    def price_changes(self, engine: AsyncEngine) -> PriceChanges:
        return SqlAlchemyPriceChanges(engine)

    @provide
    async def postgres_queue(self, settings: Settings, use: DatabaseUse) -> AsyncIterator[PostgresQueue]:
        queue = postgres_queue(settings.dsn, connections=use.queue_connections)
        await queue.connect()
        yield queue
        await queue.disconnect()

    @provide
    def saq_job_queue(self, queue: PostgresQueue, pace: Pace) -> SaqJobQueue:
        return SaqJobQueue(queue, pace.lease.total_seconds())

    @provide
    def job_queue(self, queue: SaqJobQueue) -> JobQueue:
        return queue

    @provide
    async def registration_signal(self, queue: SaqJobQueue) -> AsyncIterator[RegistrationSignal]:
        signal = SaqRegistrationSignal(queue)
        running = asyncio.create_task(signal.run())
        yield signal
        signal.close()
        await running

    @provide
    def http_limits(self) -> HttpLimits:
        return HttpLimits()

    @provide
    def token_pace(self) -> TokenPace:
        return TokenPace()

    @provide
    async def access_token(
        self, settings: Settings, engine: AsyncEngine, metrics: Metrics, limits: HttpLimits, pace: TokenPace
    ) -> AsyncIterator[SharedAccessToken]:
        issuer = AiohttpTokenIssuer(
            base_url=settings.upstream,
            refresh_token=settings.offers_refresh_token,
            limits=limits,
            observe=metrics.call,
        )
        token = SharedAccessToken(
            base_url=settings.upstream,
            refresh_token=settings.offers_refresh_token,
            store=SqlAlchemyTokenStore(engine),
            issue=issuer,
            pace=pace,
            observe=metrics.renewal,
        )
        yield token
        await token.aclose()
        await issuer.aclose()

    @provide
    async def offers_gateway(
        self, settings: Settings, token: SharedAccessToken, metrics: Metrics, limits: HttpLimits
    ) -> AsyncIterator[OffersGateway]:
        gateway = AiohttpOffersGateway(
            base_url=settings.upstream,
            token=token,
            concurrency=settings.offers_concurrency,
            calls_per_second=settings.offers_rate_limit,
            limits=limits,
            observe=metrics.call,
        )
        yield gateway
        await gateway.aclose()

    @provide
    def dependencies(self, engine: AsyncEngine, queue: JobQueue, token: SharedAccessToken) -> Dependencies:
        return Dependencies(partial(is_newer, engine), queue.waiting, token.state)


def make_container(settings: Settings, *overrides: Provider, database: DatabaseUse = SERVING) -> AsyncContainer:
    """Wire everything; what `overrides` provide takes the place of ours. Nothing is made before it is asked for."""
    return make_async_container(Adapters(), UseCases(), *overrides, context={Settings: settings, DatabaseUse: database})
