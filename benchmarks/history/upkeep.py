"""What the worker makes of history, through its own code: buckets of ended days, the changes of all products."""

import time
from uuid import UUID

from adapters.postgres.prices.listed_changes import SqlAlchemyListedChanges
from adapters.postgres.prices.rollup import SqlAlchemyHistoryUpkeep
from application.upkeep_pace import UpkeepPace
from benchmarks.history.data import HOURLY_DAYS, MINUTE_DAYS

PACE = UpkeepPace()


async def roll_up(keeper: SqlAlchemyHistoryUpkeep) -> None:
    """Roll everything up, oldest day first: at first the product that moves every minute is alone."""
    alone = MINUTE_DAYS - HOURLY_DAYS
    for name, most in (("moving every minute, one at a time", alone), ("nearly all moving every hour", None)):
        done, began = 0, time.monotonic()
        while (most is None or done < most) and (rolled := await keeper.roll_up(PACE.rolled_up_products)):
            done += rolled
        rate = done / (time.monotonic() - began)
        print(f"roll-up, products {name}: {rate:.0f} product-days/s ({done} of them)", flush=True)


async def refresh_changes(changes: SqlAlchemyListedChanges, products: int) -> None:
    """Work out all changes twice: the first time all of them have to be stored."""
    for name in ("all new", "none new"):
        began, last = time.monotonic(), UUID(int=0)
        while (found := await changes.refresh(last, PACE.compared_products)) is not None:
            last = found
        print(f"price changes, {name}: {products / (time.monotonic() - began):.0f} products/s", flush=True)
