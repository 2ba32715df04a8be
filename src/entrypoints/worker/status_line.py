"""A line a minute about the state of things, for people who watch a terminal and for logs without metrics."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import structlog

from adapters.metrics.metrics import Metrics
from application.catalogue.census import Census
from application.storage import StorageUnavailable
from application.synchronisation.batch_report import Outcome

log = structlog.get_logger(__name__)

SECONDS_BETWEEN_LINES = 60.0


@dataclass
class StatusLine:
    """Counts the products once a minute, shows them in the metrics, and writes the line."""

    census: Census
    metrics: Metrics
    _before: Counter[Outcome] = field(default_factory=Counter)

    async def run(self) -> None:
        """Go on without end; the first line comes after a minute."""
        await self.count()
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LINES)
            await self.write()

    async def write(self) -> None:
        """Write one line: all products, those not registered by state, and the outcomes since the last line."""
        products = await self.count()
        done = self.metrics.work.outcomes.copy()
        since, self._before = done - self._before, done
        lag = self.metrics.registry.get_sample_value("aggregator_refresh_lag_seconds") or 0.0
        outcomes = {str(outcome): count for outcome, count in since.items()}
        log.info("status", **products, **outcomes, lag_seconds=round(lag, 1))

    async def count(self) -> dict[str, int]:
        """Count the products, and show them; return nothing if the database cannot be reached."""
        try:
            counts = await self.census()
        except StorageUnavailable:
            return {}
        except Exception:
            log.exception("products not counted")
            return {}
        self.metrics.work.counted(counts)
        others = {str(state): count for state, count in counts.items() if count and state != "registered"}
        return {"products": sum(counts.values()), **others}
