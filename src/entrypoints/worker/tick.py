"""The tick of a worker: once a second it schedules the due work and updates the metrics."""

import asyncio
from dataclasses import dataclass, field

import structlog

from adapters.metrics.labels import Work
from adapters.metrics.metrics import Metrics
from application.storage import StorageUnavailable
from application.synchronisation.circuit_breaker import Breakers, BreakerState
from application.synchronisation.scheduling import ScheduleDueWork
from application.synchronisation.timing import Timing
from entrypoints.monitoring import Heartbeat

log = structlog.get_logger(__name__)


@dataclass
class Tick:
    """Ticks until it is cancelled. Trouble with the database is logged when it begins and when it ends."""

    schedule: ScheduleDueWork
    breakers: Breakers
    metrics: Metrics
    timing: Timing
    heartbeat: Heartbeat
    _trouble: bool = False
    _open: dict[Work, bool] = field(default_factory=dict)

    async def run(self) -> None:
        """Tick without end."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self._once()
            self.heartbeat.beat(in_trouble=self._trouble)
            # Counted from tick to tick, however long one takes: an interval as short as a tick would else lose slots.
            due = max(due + self.timing.tick, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _once(self) -> None:
        self._show("registrations", self.breakers.registrations.state)
        self._show("refresh", self.breakers.observations.state)
        try:
            found = await self.schedule()
        except StorageUnavailable as error:
            if not self._trouble:
                log.warning("schedule stopped", reason=str(error))
            self._trouble = True
            return
        except Exception:
            log.exception("tick failed")
            return
        self.metrics.work.scheduled(found.lag.total_seconds(), found.waiting, found.at)
        if self._trouble:
            log.info("schedule resumed")
        self._trouble = False

    def _show(self, work: Work, state: BreakerState) -> None:
        self.metrics.work.breaker(work, state)
        is_open = state is not BreakerState.CLOSED
        if is_open != self._open.get(work, False):
            log.warning("circuit breaker", work=work, state="open" if is_open else "closed")
        self._open[work] = is_open
