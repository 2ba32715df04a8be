"""Upkeep of history: days made ahead, ended days rolled up into buckets, dropped when their time is over."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

from sqlalchemy import ARRAY, Integer, Table, TextClause, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.connection import connect
from adapters.postgres.partitions import (
    Partition,
    day_of,
    drop_partition,
    dropping_alone,
    existing,
    make_partitions,
    month_of,
)
from adapters.postgres.prices.dropped_history import counted_from, forget_future_drops, note_dropped, read_dropped
from adapters.postgres.prices.history_sql import bucketed, statement
from adapters.postgres.prices.offer_sums import ROLL_UP as ROLL_UP_OFFERS
from adapters.postgres.prices.tables import (
    PARTITIONED,
    best_price_bucket_1d,
    best_price_bucket_1h,
    best_price_bucket_5m,
    best_price_step,
    offer_bucket_1h,
    offer_interval,
)
from adapters.postgres.rows import Timestamp
from domain.prices.retention import LONG_AGO, Retention
from domain.window import BucketWidth

DAYS_AHEAD = 3
"""Partitions are made this far ahead, so that a worker that was down over a weekend finds today's."""
ADOPTED_AT_ONCE = 5_000
"""Products of an older release that one transaction takes over at most: all at once could outlast a statement."""
DAYS_OF_GRACE = 1
"""Days are dropped this much later than they stop being served, for processes that still have yesterday's date."""

_TABLES = {
    BucketWidth.FIVE_MINUTES: best_price_bucket_5m,
    BucketWidth.HOUR: best_price_bucket_1h,
    BucketWidth.DAY: best_price_bucket_1d,
}

# An older release, which has no `insight`, may have added products meanwhile.
_ADOPT = text("""
    INSERT INTO insight (product_id, rolled_until)
    SELECT id, date_trunc('day', created_at, 'UTC') - INTERVAL '1 day' FROM product
    WHERE withdrawn_at IS NULL AND NOT EXISTS (SELECT FROM insight WHERE product_id = id)
    LIMIT :limit ON CONFLICT DO NOTHING
""").bindparams(bindparam("limit", type_=Integer))
# History from before there were buckets of offers is rolled up as far as it is kept.
_ADOPT_OFFERS = text("""
    UPDATE insight SET offers_rolled_until = least(rolled_until, greatest(
        date_trunc('day', created_at, 'UTC') - INTERVAL '1 day',
        (SELECT until FROM history_dropped WHERE history = 'offer_interval')
    ))
    FROM product WHERE id = product_id AND product_id IN (
        SELECT product_id FROM insight WHERE offers_rolled_until IS NULL LIMIT :limit FOR UPDATE SKIP LOCKED
    )
""").bindparams(bindparam("limit", type_=Integer))
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
_OLDEST_DAY = text(f"SELECT rolled_until, now() {_SETTLED} ORDER BY rolled_until LIMIT 1")
_OF_DAY = text(f"""
    SELECT product_id {_SETTLED} AND rolled_until = :day
    ORDER BY product_id LIMIT :limit FOR UPDATE OF insight SKIP LOCKED
""").bindparams(bindparam("day", type_=Timestamp), bindparam("limit", type_=Integer))
_ROLLED = text("UPDATE insight SET rolled_until = :rolled_until WHERE product_id = ANY(:ids)").bindparams(
    bindparam("rolled_until", type_=Timestamp), bindparam("ids", type_=ARRAY(Uuid))
)
# A day of the offers is settled when the best price's is.
_OLDEST_DAY_OF_OFFERS = text("""
    SELECT offers_rolled_until FROM insight WHERE offers_rolled_until < rolled_until
    ORDER BY offers_rolled_until LIMIT 1
""")
_OFFERS_OF_DAY = text("""
    SELECT product_id FROM insight WHERE offers_rolled_until < rolled_until AND offers_rolled_until = :day
    ORDER BY product_id LIMIT :limit FOR UPDATE SKIP LOCKED
""").bindparams(bindparam("day", type_=Timestamp), bindparam("limit", type_=Integer))
_OFFERS_ROLLED = text("UPDATE insight SET offers_rolled_until = :rolled_until WHERE product_id = ANY(:ids)").bindparams(
    bindparam("rolled_until", type_=Timestamp), bindparam("ids", type_=ARRAY(Uuid))
)
_ROLLED_BY_ALL = text("""
    SELECT now(), coalesce(min(rolled_until), now()) FROM insight JOIN synchronisation USING (product_id)
""")
_NEWEST = text("SELECT max(observed_at) FROM synchronisation WHERE observed_at <= now()")
# Days that were rolled up while the clock was ahead have not come yet: they are rolled up again when they have ended.
_ROLLED_AHEAD = text("""
    SELECT product_id FROM insight WHERE rolled_until > date_trunc('day', now(), 'UTC')
    ORDER BY product_id LIMIT :limit FOR UPDATE SKIP LOCKED
""").bindparams(bindparam("limit", type_=Integer))

_FORGET_BUCKETS = [
    text(f"DELETE FROM {table.name} WHERE product_id = ANY(:ids) AND at >= date_trunc('day', now(), 'UTC')").bindparams(
        bindparam("ids", type_=ARRAY(Uuid))
    )
    for table in (*_TABLES.values(), offer_bucket_1h)
]
_ROLL_BACK = text("""
    UPDATE insight SET rolled_until = date_trunc('day', now(), 'UTC'),
        offers_rolled_until = least(offers_rolled_until, date_trunc('day', now(), 'UTC'))
    WHERE product_id = ANY(:ids)
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))


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

    def __init__(self, engine: AsyncEngine, retention: Retention, adopted_at_once: int = ADOPTED_AT_ONCE) -> None:
        self._engine = engine
        self._retention = retention
        self._adopted_at_once = adopted_at_once

    async def prepare_history(self) -> None:
        async with connect(self._engine) as connection:
            for adopt in (_ADOPT, _ADOPT_OFFERS):
                await self._adopt(connection, adopt)
            await forget_future_drops(connection)
            await connection.commit()
            now, rolled_until = (await connection.execute(_ROLLED_BY_ALL)).one()
            kept = replace(self._retention, dropped=await read_dropped(connection))
            await make_partitions(connection, _days(kept, now, rolled_until))

    async def roll_up(self, products: int) -> int:
        async with connect(self._engine) as connection:
            return (
                await self._roll_back(connection, products)
                or await self._roll_up_best_prices(connection, products)
                or await self._roll_up_offers(connection, products)
            )

    async def drop_expired(self) -> int:
        async with connect(self._engine) as connection, dropping_alone(connection) as alone:
            if not alone:
                return 0
            _, rolled_until = (await connection.execute(_ROLLED_BY_ALL)).one()
            newest = (await connection.execute(_NEWEST)).scalar_one()
            newest = newest and await counted_from(connection, newest)
            partitions = await existing(connection, PARTITIONED)
            await connection.commit()
            kept_since = self._kept_since(newest, rolled_until)
            expired = [each for each in partitions if each.half_dropped or _end(each) <= kept_since[each.table]]
            for partition in expired:
                await note_dropped(connection, partition.table, _end(partition))
                await connection.commit()
                await drop_partition(self._engine, partition)
        return len(expired)

    async def _adopt(self, connection: AsyncConnection, adopt: TextClause) -> None:
        adopted = self._adopted_at_once
        while adopted == self._adopted_at_once:
            adopted = (await connection.execute(adopt, {"limit": self._adopted_at_once})).rowcount
            await connection.commit()

    async def _roll_up_best_prices(self, connection: AsyncConnection, products: int) -> int:
        oldest = (await connection.execute(_OLDEST_DAY)).one_or_none()
        if oldest is None:
            return 0
        day, now = oldest
        retention = replace(self._retention, dropped=await read_dropped(connection))
        kept = [width for width in BucketWidth if day >= retention.buckets_since(width, now)]
        await make_partitions(connection, (_PARTITION[width](day.date()) for width in kept if width in _PARTITION))
        ids = list((await connection.execute(_OF_DAY, {"day": day, "limit": products})).scalars())
        following = day + timedelta(days=1)
        for width in kept:
            await connection.execute(_ROLL_UP[width], {"ids": ids, "starts": day, "ends": following, "first_day": day})
        await connection.execute(_ROLLED, {"rolled_until": following, "ids": ids})
        await connection.commit()
        return len(ids)

    async def _roll_up_offers(self, connection: AsyncConnection, products: int) -> int:
        """Roll up the hours of the offers, which have most rows: those of fewer products at a time."""
        day = (await connection.execute(_OLDEST_DAY_OF_OFFERS)).scalar()
        if day is None:
            return 0
        following = day + timedelta(days=1)
        kept = day >= (await read_dropped(connection)).offers
        if kept:
            await make_partitions(connection, [day_of(offer_bucket_1h, day.date())])
        ids = list((await connection.execute(_OFFERS_OF_DAY, {"day": day, "limit": -(-products // 4)})).scalars())
        if kept:
            times = {"starts": day, "first_day": day} | dict.fromkeys(
                ("ends", "aligned", "rolled", "tail_day"), following
            )
            bounds = [day + timedelta(hours=hour) for hour in range(25)]
            await connection.execute(ROLL_UP_OFFERS, {"ids": ids, "bounds": bounds} | times)
        await connection.execute(_OFFERS_ROLLED, {"rolled_until": following, "ids": ids})
        await connection.commit()
        return len(ids)

    async def _roll_back(self, connection: AsyncConnection, products: int) -> int:
        """Remove the buckets of up to `products` products that are from today or later."""
        ids = list((await connection.execute(_ROLLED_AHEAD, {"limit": products})).scalars())
        if ids:
            for forget in _FORGET_BUCKETS:
                await connection.execute(forget, {"ids": ids})
            await connection.execute(_ROLL_BACK, {"ids": ids})
            await connection.commit()
        return len(ids)

    def _kept_since(self, newest: datetime | None, rolled_until: datetime) -> dict[str, datetime]:
        """Return since when each table is kept, counted from the newest observation: without any, all is kept."""
        if newest is None:
            return dict.fromkeys((table.name for table in PARTITIONED), LONG_AGO)
        today = newest - timedelta(days=DAYS_OF_GRACE)
        return {
            offer_interval.name: self._retention.offers_since(today),
            offer_bucket_1h.name: self._retention.offers_since(today),
            best_price_step.name: min(self._retention.steps_since(today), rolled_until),
            best_price_bucket_5m.name: self._retention.buckets_since(BucketWidth.FIVE_MINUTES, today),
            best_price_bucket_1h.name: self._retention.buckets_since(BucketWidth.HOUR, today),
        }


def _days(kept: Retention, now: datetime, rolled_until: datetime) -> Iterator[tuple[Table, date, date]]:
    today, last = now.date(), now.date() + timedelta(days=DAYS_AHEAD)
    for table, since in (
        (offer_interval, kept.offers_since(now).date()),
        # After weeks without a worker, steps are written for days that are not rolled up yet.
        (best_price_step, min(kept.steps_since(now), rolled_until).date()),
        (offer_bucket_1h, today - timedelta(days=1)),
        (best_price_bucket_5m, today - timedelta(days=1)),
    ):
        for offset in range((last - since).days + 1):
            yield day_of(table, since + timedelta(days=offset))
    yield month_of(best_price_bucket_1h, today - timedelta(days=1))
    yield month_of(best_price_bucket_1h, last)


def _end(partition: Partition) -> datetime:
    of_months = partition.table == best_price_bucket_1h.name
    _, _, following = (month_of if of_months else day_of)(best_price_bucket_1h, partition.first_day)
    return datetime.combine(following, time(), UTC)
