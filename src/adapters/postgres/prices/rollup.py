"""Upkeep of history: days made ahead, ended days rolled up into buckets, dropped when their time is over."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

from sqlalchemy import ARRAY, Integer, Table, TextClause, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.connection import connect
from adapters.postgres.prices.dropped_history import note_dropped
from adapters.postgres.prices.history_sql import bucketed, statement
from adapters.postgres.prices.partitions import (
    Partition,
    day_of,
    drop_partition,
    existing,
    make_partitions,
    month_of,
)
from adapters.postgres.prices.tables import (
    best_price_bucket_1d,
    best_price_bucket_1h,
    best_price_bucket_5m,
    best_price_step,
    offer_interval,
)
from adapters.postgres.rows import Timestamp
from application.clock import Clock
from domain.retention import Retention
from domain.window import BucketWidth

DAYS_AHEAD = 3
"""Partitions are made this far ahead, so that a worker that was down over a weekend finds today's."""
DAYS_OF_GRACE = 1
"""Days are dropped this much later than they stop being served, for processes that still have yesterday's date."""

_TABLES = {
    BucketWidth.FIVE_MINUTES: best_price_bucket_5m,
    BucketWidth.HOUR: best_price_bucket_1h,
    BucketWidth.DAY: best_price_bucket_1d,
}

# An older release, which knows no `insight`, may have added products meanwhile.
_ADOPT = text("""
    INSERT INTO insight (product_id, rolled_until)
    SELECT id, date_trunc('day', created_at, 'UTC') - INTERVAL '1 day' FROM product
    WHERE withdrawn_at IS NULL AND NOT EXISTS (SELECT FROM insight WHERE product_id = id)
    ON CONFLICT DO NOTHING
""")
# A product's day can no longer change once a later observation is stored, or once no lease is held: observations that
# begin from now on are dated from now on. The minute allows for a claim that began before midnight and is not committed
# yet; the transaction limits have ended any older one.
_SETTLED = """
    FROM insight JOIN synchronisation USING (product_id)
    WHERE rolled_until + INTERVAL '1 day' <= now()
    AND (
        observed_at >= rolled_until + INTERVAL '1 day'
        OR lease_id IS NULL AND rolled_until + INTERVAL '1 day 1 minute' <= now()
    )
"""
_OLDEST_DAY = text(f"SELECT rolled_until {_SETTLED} ORDER BY rolled_until LIMIT 1")
_OF_DAY = text(f"""
    SELECT product_id {_SETTLED} AND rolled_until = :day
    ORDER BY product_id LIMIT :limit FOR UPDATE OF insight SKIP LOCKED
""").bindparams(bindparam("day", type_=Timestamp), bindparam("limit", type_=Integer))
_ROLLED = text("UPDATE insight SET rolled_until = :rolled_until WHERE product_id = ANY(:ids)").bindparams(
    bindparam("rolled_until", type_=Timestamp), bindparam("ids", type_=ARRAY(Uuid))
)
_ROLLED_BY_ALL = text("SELECT coalesce(min(rolled_until), now()) FROM insight JOIN synchronisation USING (product_id)")

_TRY_LOCK = text("SELECT pg_try_advisory_lock(hashtext('product-aggregator drop'))")
_UNLOCK = text("SELECT pg_advisory_unlock(hashtext('product-aggregator drop'))")


def _roll_up(width: BucketWidth) -> TextClause:
    table = _TABLES[width]
    columns = ", ".join(table.c.keys())
    # Sorted, so that the rows of a product's day lie together.
    return statement(f"""
        INSERT INTO {table.name} ({columns})
        SELECT {columns} FROM ({bucketed(width)}) AS buckets ORDER BY product_id, at
    """)


_PARTITION = {
    BucketWidth.FIVE_MINUTES: partial(day_of, best_price_bucket_5m),
    BucketWidth.HOUR: partial(month_of, best_price_bucket_1h),
}
_ROLL_UP = {width: _roll_up(width) for width in BucketWidth}


class SqlAlchemyHistoryUpkeep:
    """See `HistoryUpkeep`; each step is a transaction of its own."""

    def __init__(self, engine: AsyncEngine, retention: Retention, clock: Clock) -> None:
        self._engine = engine
        self._retention = retention
        self._clock = clock

    async def prepare_history(self) -> None:
        async with connect(self._engine) as connection:
            await connection.execute(_ADOPT)
            await connection.commit()
            rolled_until = (await connection.execute(_ROLLED_BY_ALL)).scalar_one()
            await make_partitions(connection, self._days(self._clock(), rolled_until))

    async def roll_up(self, products: int) -> int:
        async with connect(self._engine) as connection:
            day = (await connection.execute(_OLDEST_DAY)).scalar()
            if day is None:
                return 0
            kept = [width for width in BucketWidth if day >= self._retention.buckets_since(width, self._clock())]
            await make_partitions(connection, (_PARTITION[width](day.date()) for width in kept if width in _PARTITION))
            ids = list((await connection.execute(_OF_DAY, {"day": day, "limit": products})).scalars())
            following = day + timedelta(days=1)
            for width in kept:
                await connection.execute(
                    _ROLL_UP[width], {"ids": ids, "starts": day, "ends": following, "first_day": day}
                )
            await connection.execute(_ROLLED, {"rolled_until": following, "ids": ids})
            await connection.commit()
            return len(ids)

    async def drop_expired(self) -> int:
        async with connect(self._engine) as connection, _alone(connection) as alone:
            if not alone:
                return 0
            rolled_until = (await connection.execute(_ROLLED_BY_ALL)).scalar_one()
            partitions = await existing(connection)
            await connection.commit()
            kept_since = self._kept_since(rolled_until)
            expired = [each for each in partitions if each.half_dropped or _end(each) <= kept_since[each.table]]
            for partition in expired:
                await note_dropped(connection, partition.table, _end(partition))
                await connection.commit()
                await drop_partition(self._engine, partition)
        return len(expired)

    def _days(self, now: datetime, rolled_until: datetime) -> Iterator[tuple[Table, date, date]]:
        today, last = now.date(), now.date() + timedelta(days=DAYS_AHEAD)
        for table, since in (
            (offer_interval, self._retention.offers_since(now).date()),
            # After weeks without a worker, steps are written for days that are not rolled up yet.
            (best_price_step, min(self._retention.steps_since(now), rolled_until).date()),
            (best_price_bucket_5m, today - timedelta(days=1)),
        ):
            for offset in range((last - since).days + 1):
                yield day_of(table, since + timedelta(days=offset))
        yield month_of(best_price_bucket_1h, today - timedelta(days=1))
        yield month_of(best_price_bucket_1h, last)

    def _kept_since(self, rolled_until: datetime) -> dict[str, datetime]:
        now = self._clock() - timedelta(days=DAYS_OF_GRACE)
        return {
            offer_interval.name: self._retention.offers_since(now),
            best_price_step.name: min(self._retention.steps_since(now), rolled_until),
            best_price_bucket_5m.name: self._retention.buckets_since(BucketWidth.FIVE_MINUTES, now),
            best_price_bucket_1h.name: self._retention.buckets_since(BucketWidth.HOUR, now),
        }


@asynccontextmanager
async def _alone(connection: AsyncConnection) -> AsyncIterator[bool]:
    """Take the lock on dropping days without waiting; False if another session has it."""
    alone = (await connection.execute(_TRY_LOCK)).scalar_one()
    await connection.commit()
    try:
        yield alone
    finally:
        if alone:
            await connection.execute(_UNLOCK)
            await connection.commit()


def _end(partition: Partition) -> datetime:
    of_months = partition.table == best_price_bucket_1h.name
    _, _, following = (month_of if of_months else day_of)(best_price_bucket_1h, partition.first_day)
    return datetime.combine(following, time(), UTC)
