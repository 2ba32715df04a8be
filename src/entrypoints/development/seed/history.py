"""`aggregator seed --history`: products that were observed for the first time today get a past that leads there."""

import asyncio
import random
import sys
from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

import click

from adapters.postgres.prices.history_backfill import SqlAlchemyHistoryBackfill
from entrypoints.development.seed.past import made_up_past

SECONDS_BETWEEN_LOOKS = 0.5
GIVEN = "given"


async def await_observations(backfill: SqlAlchemyHistoryBackfill, *, seconds: float) -> int:
    """Wait until a worker has observed every product, or that long, and return how many are not observed yet."""
    loop = asyncio.get_running_loop()
    ends, missing = loop.time() + seconds, await backfill.not_observed()
    if not (missing and seconds):
        return missing
    label = "Waiting for a worker to observe the products"
    with click.progressbar(length=missing, label=label, file=sys.stderr) as progress:
        while missing and loop.time() < ends:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            before, missing = missing, await backfill.not_observed()
            progress.update(max(0, before - missing))
    return missing


async def give_pasts(backfill: SqlAlchemyHistoryBackfill, days: int, today: datetime) -> Counter[str]:
    """Give every observed product that can have one a past; return how many got it, and why others did not."""
    begins, dice = today - timedelta(days=days), random.Random()
    outcomes: Counter[str] = Counter()
    with click.progressbar(await backfill.observed(), label="Making up history", file=sys.stderr) as progress:
        for product_id in progress:
            outcomes[await _give_past(backfill, product_id, begins, today, dice)] += 1
    return outcomes


async def _give_past(
    backfill: SqlAlchemyHistoryBackfill, product_id: UUID, begins: datetime, today: datetime, dice: random.Random
) -> str:
    sight = await backfill.first_sight(product_id)
    if sight is None:
        return "withdrawn meanwhile"
    if sight.at < today:
        return "with history from before today"
    if sight.rolled_up:
        return "whose history is rolled up already"
    if not sight.prices:
        return "first seen without an offer in stock"
    # Before the product is locked, so that its worker need not wait for it.
    past = made_up_past(product_id, sight, begins, dice)
    return GIVEN if await backfill.write(product_id, past) else "changed meanwhile"
