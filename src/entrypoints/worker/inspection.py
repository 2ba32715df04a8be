"""A look a minute at the database and the housekeeping, so that an alert says what `aggregator doctor` would."""

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
    """Runs a few short statements a minute, whatever the size of the catalogue, and shows the facts in the metrics."""

    schema_state: Callable[[], Awaitable[str]]
    inspect_database: InspectDatabase
    inspect_upkeep: InspectUpkeep
    metrics: InspectionMetrics

    async def run(self) -> None:
        """Go on without end; the first look is at once."""
        while True:
            await self.look()
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    async def look(self) -> None:
        """Look once; where that fails the metrics stay."""
        try:
            state = await self.schema_state()
            # The tables of the housekeeping may be missing from a schema that does not fit.
            upkeep = await self.inspect_upkeep() if state in ("ok", "read-only") else None
            self.metrics.inspected(state, await self.inspect_database(), upkeep)
        except StorageUnavailable as error:
            log.warning("database not inspected", reason=str(error))
        except Exception:
            log.exception("inspection failed")
