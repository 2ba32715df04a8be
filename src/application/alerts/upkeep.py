"""Upkeep of alerts, in bounded steps."""

from dataclasses import dataclass

from application.alerts.closing import CLOSED_AT_ONCE, close
from application.alerts.repositories import AlertUpkeep
from application.unit_of_work import BeginWork
from domain.alerts.alert import ResolvedBy


@dataclass(frozen=True, slots=True)
class TidyAlerts:
    """End the states of disabled and deleted alerts that were too many for one request; drop old transitions.

    It may be killed or repeated at any point.
    """

    begin: BeginWork
    upkeep: AlertUpkeep

    async def __call__(self, rows: int) -> bool:
        """Do one step, with so many rows to drop at most, and return whether there was anything to do.

        Raises:
            StorageUnavailable
        """
        async with self.begin() as work:
            disabled = await work.alert_states.take_idle(CLOSED_AT_ONCE, removed=False)
            removed = await work.alert_states.take_idle(CLOSED_AT_ONCE, removed=True)
            now = await work.now()
            await close(work, disabled, now, ResolvedBy.ALERT_DISABLED)
            await close(work, removed, now, ResolvedBy.ALERT_DELETED)
            await work.commit()
        return bool(disabled or removed or await self.upkeep.drop_expired(rows))
