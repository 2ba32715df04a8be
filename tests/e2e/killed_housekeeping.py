"""The housekeeping of a worker in processes of which each kills itself before its n-th statement of a roll-up.

Commits count as statements. Each line of the input is an n, or 0 for a process that comes to its end; the answer is
the exit code. The processes are forked, because importing everything once is enough.
"""

import asyncio
import itertools
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from application.access.audit_records import AuditUpkeep
from application.alerts.upkeep import TidyAlerts
from application.catalogue.purge import CataloguePurge
from application.clock_watch import ClockWatch
from application.events.event_log import EventUpkeep
from application.housekeeping import KeepHouse
from application.prices.rollup import HistoryUpkeep
from application.upkeep_pace import UpkeepPace
from application.webhooks.ports import WebhookUpkeep
from entrypoints.configuration.settings import read_settings
from entrypoints.container import make_container
from entrypoints.limits import WORKING


@dataclass(frozen=True)
class Killed:
    """Upkeep in which each statement of a roll-up may be the process' last."""

    history: HistoryUpkeep
    engine: AsyncEngine
    last: int

    async def prepare_history(self) -> None:
        await self.history.prepare_history()
        statement = killing_at(self.last)
        event.listen(self.engine.sync_engine, "before_cursor_execute", statement)
        event.listen(self.engine.sync_engine, "commit", statement)

    async def roll_up(self, products: int) -> int:
        return await self.history.roll_up(products)

    async def drop_expired(self) -> int:
        return await self.history.drop_expired()


def killing_at(last: int) -> Callable[..., None]:
    """Return a listener that kills the process at this call."""
    calls = itertools.count(1)

    def count(*_: Any) -> None:
        if next(calls) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    return count


async def keep_house(last: int | None) -> None:
    container = make_container(read_settings(os.environ), limits=WORKING)
    try:
        history = await container.get(HistoryUpkeep)
        if last is not None:
            history = Killed(history, await container.get(AsyncEngine), last)
        purge, clocks = await container.get(CataloguePurge), await container.get(ClockWatch)
        audit, events = await container.get(AuditUpkeep), await container.get(EventUpkeep)
        alerts = await container.get(TidyAlerts)
        webhooks, pace = await container.get(WebhookUpkeep), UpkeepPace(rolled_up_products=3)
        await KeepHouse(
            purge, history, audit, events, alerts, webhooks, pace, clocks, timedelta(days=8), time.monotonic
        )()
    finally:
        await container.close()


def run(last: int) -> None:
    asyncio.run(keep_house(last or None))


def main() -> None:
    """Answer each line."""
    forking = multiprocessing.get_context("fork")
    for line in sys.stdin:
        process = forking.Process(target=run, args=(int(line),))
        process.start()
        process.join()
        print(process.exitcode, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
