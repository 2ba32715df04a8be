"""Buckets of the days before the first step: what rolling up would have left of the product that moves every minute."""

from datetime import timedelta
from typing import Any

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import connect
from adapters.postgres.partitions import day_of, make_partitions
from adapters.postgres.prices.tables import best_price_bucket_5m
from benchmarks.history.data import MINUTE_DAYS, Filled

OLDER_DAYS = 60

_REPEAT = """
    INSERT INTO best_price_bucket_5m
    SELECT product_id, at - earlier, open, open_known, close, lowest, lowest_at - earlier,
        highest, highest_at - earlier, price_time, in_stock, known
    FROM best_price_bucket_5m, (SELECT make_interval(days => %s) AS earlier) AS shift
    WHERE product_id = %s AND at >= %s ORDER BY at
"""


async def make_older_days(engine: AsyncEngine, filled: Filled) -> None:
    """Make the days' partitions."""
    first = filled.midnight.date() - timedelta(days=MINUTE_DAYS)
    days = [day_of(best_price_bucket_5m, first - timedelta(days=1 + day)) for day in range(OLDER_DAYS)]
    async with connect(engine) as connection:
        await make_partitions(connection, days)


def fill_older_days(connection: psycopg.Connection[Any], filled: Filled) -> None:
    """Repeat the days that are rolled up as if they had been there before, over and over."""
    since = filled.midnight - timedelta(days=MINUTE_DAYS)
    for earlier in range(MINUTE_DAYS, OLDER_DAYS + 1, MINUTE_DAYS):
        connection.execute(_REPEAT, [earlier, filled.minute, since])
