"""The container: every adapter and use-case, made when it is first needed. Everything lives as long as the process."""

from datetime import UTC, datetime

from dishka import AsyncContainer, Provider, Scope, from_context, make_async_container, provide

from adapters.metrics.metrics import Metrics
from application.clock import Clock
from application.events.event_log import EventReader
from application.events.feed import EventFeed
from application.synchronisation.timing import Timing
from application.upkeep_pace import UpkeepPace
from entrypoints.configuration.settings import Settings
from entrypoints.limits import SERVING, Limits
from entrypoints.readiness import Stopping
from entrypoints.wiring.database import Database
from entrypoints.wiring.diagnosis import Diagnosis
from entrypoints.wiring.instruments import Instruments
from entrypoints.wiring.job_queue import Queue
from entrypoints.wiring.network import Network
from entrypoints.wiring.readers import Readers
from entrypoints.wiring.use_cases import UseCases


class Process(Provider):
    """The process's own parts: its settings, limits, clock, metrics and event feed."""

    scope = Scope.APP
    settings = from_context(Settings)
    limits = from_context(Limits)

    @provide
    def timing(self, settings: Settings) -> Timing:
        return Timing(refresh_interval=settings.refresh_interval)

    @provide
    def upkeep_pace(self, limits: Limits) -> UpkeepPace:
        return limits.upkeep

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
    def event_feed(self, reader: EventReader, stopping: Stopping, limits: Limits) -> EventFeed:
        return EventFeed(reader, lambda: stopping.requested, limits.requests.event_feed)


def make_container(settings: Settings, *overrides: Provider, limits: Limits = SERVING) -> AsyncContainer:
    """Wire everything; `overrides` take the place of our providers. Nothing is made before it is needed."""
    context = {Settings: settings, Limits: limits}
    ours = Process(), Database(), Queue(), Network(), Diagnosis(), Readers(), UseCases()
    return make_async_container(*ours, *overrides, context=context)
