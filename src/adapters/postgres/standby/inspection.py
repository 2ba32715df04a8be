"""The facts of a standby for a diagnosis."""

import asyncio
import time

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.pool import with_reserved
from adapters.postgres.standby.bounded import bounded
from adapters.postgres.standby.positions import primary_position, standby_position
from adapters.postgres.standby.watch import StandbyLimits, reason
from application.diagnosis.facts import StandbyFacts

CATCHING_UP = 1.5
"""Seconds for the standby to replay up to the position that the primary had at the start."""
_BETWEEN_LOOKS = 0.05


async def inspect_standby(primary: AsyncEngine, standby: AsyncEngine, limits: StandbyLimits) -> StandbyFacts:
    """Compare the standby with the primary, for some seconds at most.

    Raises:
        StorageUnavailable: the primary cannot be asked.
    """
    engine = with_reserved(standby)
    reached = await primary_position(primary)
    deadline = time.monotonic() + CATCHING_UP
    try:
        found = await bounded(limits.check, standby_position(engine))
        while found.replays and found.position < reached.position and time.monotonic() < deadline:
            await asyncio.sleep(_BETWEEN_LOOKS)
            found = await bounded(limits.check, standby_position(engine))
    except Exception as error:  # noqa: BLE001 - the finding names any error
        return StandbyFacts(trouble=reason(error))
    return StandbyFacts(
        replays=found.replays,
        related=found.history == reached.history,
        behind=max(0, reached.position - found.position),
        feedback=found.feedback,
    )
