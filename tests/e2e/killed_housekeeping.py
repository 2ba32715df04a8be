"""The housekeeping of a worker in a process to be killed: it says when it begins to roll up, and when it is done."""

import asyncio
import os
import time
from dataclasses import dataclass

from application.catalogue.purge import CataloguePurge
from application.housekeeping import KeepHouse
from application.prices.rollup import HistoryUpkeep
from application.synchronisation.timing import Timing
from entrypoints.container import make_container
from entrypoints.limits import WORKING
from entrypoints.settings import read_settings

ROLLING_UP, DONE = "rolling up", "done"


@dataclass(frozen=True)
class Announcing:
    """Says so before each step that may be killed."""

    history: HistoryUpkeep

    async def prepare_history(self) -> None:
        await self.history.prepare_history()

    async def roll_up(self, products: int) -> int:
        print(ROLLING_UP, flush=True)  # noqa: T201
        return await self.history.roll_up(products)

    async def drop_expired(self) -> int:
        return await self.history.drop_expired()


async def main() -> None:
    container = make_container(read_settings(os.environ), limits=WORKING)
    try:
        history = Announcing(await container.get(HistoryUpkeep))
        timing = Timing(roll_up_products=3)
        await KeepHouse(await container.get(CataloguePurge), history, timing, time.monotonic)()
    finally:
        await container.close()
    print(DONE, flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())
