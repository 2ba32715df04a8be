"""The wiring of the reads that a standby may answer: the same adapters, on the engine of either server."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import ParamSpec, TypeVar

from dishka import Provider, Scope, provide
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.metrics.metrics import Metrics
from adapters.postgres.catalogue.as_of_reader import SqlAlchemyCatalogueAsOfReader
from adapters.postgres.catalogue.catalogue_export import SqlAlchemyCatalogueExport
from adapters.postgres.catalogue.catalogue_reader import SqlAlchemyCatalogueReader
from adapters.postgres.connection import close_engine, create_engine
from adapters.postgres.prices.offer_price_reader import SqlAlchemyOfferPriceReader
from adapters.postgres.prices.price_reader import SqlAlchemyPriceReader
from adapters.postgres.prices.recorded_steps import SqlAlchemyRecordedSteps
from adapters.postgres.prices.trend_reader import SqlAlchemyPriceTrends
from adapters.postgres.standby.inspection import inspect_standby
from adapters.postgres.standby.reads import StandbyReads
from adapters.postgres.standby.watch import StandbyWatch
from application.catalogue.as_of import CatalogueAsOfReader
from application.catalogue.catalogue_reader import CatalogueReader
from application.catalogue.export import CatalogueExport
from application.diagnosis.facts import StandbyFacts
from application.prices.export import RecordedSteps
from application.prices.readers import OfferPriceReader, PriceReader
from application.prices.trends import PriceTrends
from application.synchronisation.timing import Timing
from entrypoints.configuration.settings import Settings
from entrypoints.limits import Limits
from entrypoints.wiring.engines import ProbeEngine

Port = TypeVar("Port")
Item = TypeVar("Item")
Asked = ParamSpec("Asked")


@dataclass(frozen=True, slots=True)
class ReadSources:
    """The primary, and the standby if there is one."""

    primary: AsyncEngine
    standby: AsyncEngine | None = None
    reads: StandbyReads | None = None
    inspect: Callable[[], Awaitable[StandbyFacts]] | None = None

    def reader(self, make: Callable[[AsyncEngine], Port], *methods: str) -> Port:
        """Return an adapter with these methods answered by the standby while it is young enough."""
        if self.standby is None or self.reads is None:
            return make(self.primary)
        return self.reads.of(make(self.primary), make(self.standby), *methods)

    def stream(
        self, make: Callable[[AsyncEngine], Callable[Asked, AsyncGenerator[Item, None]]]
    ) -> Callable[Asked, AsyncGenerator[Item, None]]:
        """Return the same for an adapter that is called and gives batches."""
        if self.standby is None or self.reads is None:
            return make(self.primary)
        return self.reads.stream(make(self.standby), make(self.primary))


class Readers(Provider):
    """The reads of many products or of the past. `DATABASE_READ_URL` may answer them."""

    scope = Scope.APP

    @provide
    async def read_sources(
        self, settings: Settings, limits: Limits, engine: AsyncEngine, probe: ProbeEngine, metrics: Metrics
    ) -> AsyncIterator[ReadSources]:
        if settings.read_dsn is None:
            yield ReadSources(engine)
            return
        standby = create_engine(settings.read_dsn, limits.standby.database, watched=True)
        watch = StandbyWatch(probe, standby, limits.standby, settings.database_read_max_lag)
        metrics.database.watch_standby(watch.age, lambda: watch.permit() is not None)
        running = asyncio.create_task(watch.run())
        reads = StandbyReads(watch, limits.standby, metrics.database.standby_read)
        yield ReadSources(engine, standby, reads, partial(inspect_standby, probe, standby, limits.standby))
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await close_engine(standby, limits.standby.database.close)

    @provide
    def catalogue_reader(self, sources: ReadSources, timing: Timing) -> CatalogueReader:
        # One product's own reads are of the newest state, and shared by requests: they stay on the primary.
        return sources.reader(
            lambda engine: SqlAlchemyCatalogueReader(engine, timing.refresh_interval, timing.sold_out_kept), "products"
        )

    @provide
    def catalogue_as_of_reader(
        self, sources: ReadSources, timing: Timing, limits: Limits, settings: Settings
    ) -> CatalogueAsOfReader:
        # A standby may show a product that much later.
        late = timedelta(seconds=settings.database_read_max_lag if sources.standby else 0)
        return sources.reader(
            lambda engine: SqlAlchemyCatalogueAsOfReader(engine, timing.sold_out_kept, limits.settles + late),
            "products",
        )

    @provide
    def price_reader(self, sources: ReadSources) -> PriceReader:
        return sources.reader(SqlAlchemyPriceReader, "steps", "buckets", "sums", "in_force", "statistics")

    @provide
    def offer_price_reader(self, sources: ReadSources) -> OfferPriceReader:
        return sources.reader(SqlAlchemyOfferPriceReader, "steps", "sums", "summary", "life")

    @provide
    def price_trends(self, sources: ReadSources, timing: Timing) -> PriceTrends:
        return sources.reader(lambda engine: SqlAlchemyPriceTrends(engine, timing.sold_out_kept), "of")

    @provide
    def catalogue_export(self, sources: ReadSources, limits: Limits) -> CatalogueExport:
        return sources.stream(lambda engine: SqlAlchemyCatalogueExport(engine, limits.snapshots))

    @provide
    def recorded_steps(self, sources: ReadSources, limits: Limits) -> RecordedSteps:
        return sources.stream(lambda engine: SqlAlchemyRecordedSteps(engine, limits.snapshots))
