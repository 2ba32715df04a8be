"""The wiring of readiness and of the diagnosis."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

from dishka import AsyncContainer, Provider, Scope, provide
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.clock_log import LoggedClockDifference
from adapters.job_queue import SaqJobQueue
from adapters.metrics.metrics import Metrics
from adapters.postgres.clock import database_time
from adapters.postgres.diagnosis.inspection import (
    SqlAlchemyDatabaseInspection,
    SqlAlchemySynchronisationInspection,
    SqlAlchemyUpkeepInspection,
)
from adapters.postgres.schema import schema_state
from application.catalogue.census import Census
from application.clock import Clock
from application.clock_watch import ClockWatch
from application.diagnosis.diagnose import Diagnose
from application.diagnosis.facts import InspectDatabase, InspectUpkeep
from application.diagnosis.finding import Finding
from application.diagnosis.shared import SharedDiagnosis
from application.synchronisation.access_token.store import TokenSeal, TokenStore, token_state
from application.synchronisation.lag import ReadLag
from application.synchronisation.timing import Timing
from application.webhooks.ports import WebhookReader
from entrypoints.configuration.settings import Settings
from entrypoints.limits import Limits
from entrypoints.readiness import DIFFERS, OK, Dependencies
from entrypoints.wiring.engines import DirectEngine, ProbeEngine
from entrypoints.wiring.readers import ReadSources

if TYPE_CHECKING:
    from adapters.offers_api.inspection import HttpxUpstreamInspection


class Diagnosis(Provider):
    """The checks of readiness, and the inspections of the diagnosis."""

    scope = Scope.APP

    @provide
    def clock_watch(self, engine: ProbeEngine, clock: Clock, metrics: Metrics) -> ClockWatch:
        return ClockWatch(clock, partial(database_time, engine), LoggedClockDifference(metrics.database.clock))

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
