"""An inspection a minute of database and housekeeping, so that alerts find the same as `aggregator doctor`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from adapters.metrics.inspection_metrics import InspectionMetrics
from application.diagnosis.facts import InspectDatabase, InspectUpkeep
from application.storage import StorageUnavailable

log = structlog.get_logger(__name__)

SECONDS_BETWEEN_LOOKS = 60.0


@dataclass(frozen=True)
class Inspection:
    """Runs a few short statements a minute, for a catalogue of any size, and shows the facts in the metrics."""

    schema_state: Callable[[], Awaitable[str]]
    inspect_database: InspectDatabase
    inspect_upkeep: InspectUpkeep
    metrics: InspectionMetrics

    async def run(self) -> None:
        """Inspect again and again, at first at once."""
        while True:
            await self.look()
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    async def look(self) -> None:
        """Inspect once; if that fails, the metrics stay as they are."""
        try:
            state = await self.schema_state()
            # The tables of the housekeeping may be missing from a schema that does not fit.
            upkeep = await self.inspect_upkeep() if state in ("ok", "read-only") else None
            self.metrics.inspected(state, await self.inspect_database(), upkeep)
        except StorageUnavailable as error:
            log.warning("database not inspected", reason=str(error))
        except Exception:
            log.exception("inspection failed")
