"""The upkeep of stored rows, in bounded steps that may be killed and repeated."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from application.access.audit_records import AuditUpkeep
from application.alerts.upkeep import TidyAlerts
from application.catalogue.idempotency_keys import KEPT_FOR
from application.catalogue.purge import CataloguePurge
from application.clock_watch import ClockWatch
from application.events.event_log import EventUpkeep
from application.prices.rollup import HistoryUpkeep
from application.upkeep_pace import UpkeepPace
from application.webhooks.ports import WebhookUpkeep


@dataclass(frozen=True, slots=True)
class KeepHouse:
    """Do the upkeep that is due; `now` is a monotonic clock in seconds.

    Sold-out offers are kept for `offers_kept`, as long as their prices: one that comes back is no new offer.
    """

    purge: CataloguePurge
    history: HistoryUpkeep
    audit: AuditUpkeep
    events: EventUpkeep
    tidy_alerts: TidyAlerts
    webhooks: WebhookUpkeep
    pace: UpkeepPace
    clocks: ClockWatch
    offers_kept: timedelta
    now: Callable[[], float]

    async def __call__(self) -> None:
        """Prepare partitions, purge and drop expired rows, and roll up until nothing is left or the time is over.

        While this process's clock differs from the storage's, nothing but the preparation is done.
        """
        ends = self.now() + self.pace.begins
        await self.history.prepare_history()
        await self.audit.prepare()
        await self.events.prepare()
        await self.webhooks.prepare()
        if await self.clocks.ask():
            return
        while self.now() < ends and await self.purge.purge_withdrawn():
            pass
        while self.now() < ends and await self.purge.purge_sold_out(self.offers_kept, self.pace.purged_rows):
            pass
        while self.now() < ends and await self.purge.purge_idempotency_keys(KEPT_FOR, self.pace.purged_rows):
            pass
        while self.now() < ends and await self.tidy_alerts(self.pace.purged_rows):
            pass
        while self.now() < ends and await self.history.roll_up(self.pace.rolled_up_products):
            pass
        await self.history.drop_expired()
        await self.audit.drop_expired()
        await self.events.drop_expired()
        await self.webhooks.drop_expired()
