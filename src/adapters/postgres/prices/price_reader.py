"""Reads of a product's best price over time: each is one statement, which sums steps and buckets in the database."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, bindparam
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.connection import connect, for_single_statements
from adapters.postgres.prices.history_sql import INTERVALS, OPEN_STEPS, bucketed, recorded, statement
from adapters.postgres.rows import Timestamp
from application.offload import offload
from domain.errors import ProductNotFound
from domain.prices.history import Extreme, PriceSummary
from domain.prices.price import PriceInForce, PriceState, PriceStep
from domain.prices.statistics import PriceDistribution
from domain.window import EPOCH, BucketWidth, Window

_ROLLED_UNTIL = statement("""
    SELECT rolled_until, offers_rolled_until FROM product LEFT JOIN insight ON product_id = id
    WHERE id = ANY(:ids) AND withdrawn_at IS NULL
""")

# A read of a product that is there has a row at least, of nulls if nothing is found.
_FOUND = "(SELECT id FROM product WHERE id = ANY(:ids) AND withdrawn_at IS NULL) AS found"
_STEPS = statement(f"""
    SELECT state, price, valid_from, valid_to FROM {_FOUND} LEFT JOIN (
        SELECT state, price, valid_from, least(valid_to, :ends) AS valid_to
        FROM ({recorded(":starts", ":ends", ":first_day")}) AS recorded
        WHERE valid_from < :ends AND valid_to > :starts ORDER BY valid_from LIMIT :limit
    ) AS step ON TRUE
    ORDER BY valid_from
""")

SUMS = "open, close, lowest, lowest_at, highest, highest_at, price_time, in_stock, known"


def _from_steps(width: BucketWidth) -> TextClause:
    return statement(f"SELECT at, bucket_ends, {SUMS} FROM ({bucketed(width)}) AS buckets ORDER BY at")


def _parts(width: BucketWidth) -> str:
    """Select whole buckets that are rolled up, and sum those before and behind them from steps."""
    return f"""
        SELECT at, bucket_ends, {SUMS} FROM ({bucketed(width, ends=":aligned")}) AS head
        UNION ALL
        SELECT at, NULL, {SUMS} FROM best_price_bucket_{width}
        WHERE product_id = ANY(:ids) AND at >= :aligned AND at < :rolled
        UNION ALL
        SELECT at, bucket_ends, {SUMS} FROM ({bucketed(width, ":rolled", ":ends", ":tail_day")}) AS tail
    """


def _added_up(width: BucketWidth) -> TextClause:
    """Add the parts up between neighbouring bounds."""
    return statement(f"""
        SELECT stretch,
            max(open) FILTER (WHERE at = begins) AS open, max(close) FILTER (WHERE part_ends = ends) AS close,
            min(lowest) AS lowest, min(begins) AS lowest_at, max(highest) AS highest, min(begins) AS highest_at,
            sum(price_time) AS price_time, sum(in_stock)::bigint AS in_stock, sum(known)::bigint AS known
        FROM ({_parts(width)}) AS part,
            LATERAL (
                SELECT width_bucket(at, :bounds) AS stretch, coalesce(bucket_ends, at + {INTERVALS[width]}) AS part_ends
            ) AS placed,
            LATERAL (SELECT (:bounds)[stretch] AS begins, (:bounds)[stretch + 1] AS ends) AS bound
        GROUP BY stretch ORDER BY stretch
    """)


_BUCKETS = {width: (_from_steps(width), statement(f"{_parts(width)} ORDER BY at")) for width in BucketWidth}
_SUMS = {width: _added_up(width) for width in BucketWidth}


def _open_of(width: BucketWidth, moment: str) -> str:
    return f"""
        SELECT CASE WHEN open IS NOT NULL THEN 'in_stock' WHEN open_known THEN 'out_of_stock' ELSE 'unknown' END, open
        FROM best_price_bucket_{width} WHERE product_id = ANY(:ids) AND at = {moment} AND open_known IS NOT NULL
    """


def _in_force_at(number: int) -> str:
    """Where the steps are dropped, the time is the start of a bucket."""
    moment = f":moment_{number}"
    buckets = " UNION ALL ".join(_open_of(width, moment) for width in BucketWidth)
    return f"""
        SELECT {number} AS number, state, price FROM {_FOUND} LEFT JOIN (
            SELECT state, price FROM ({OPEN_STEPS}) AS open_step WHERE valid_from <= {moment} AND valid_to > {moment}
            UNION ALL (
                SELECT state, price FROM best_price_step
                WHERE product_id = ANY(:ids) AND valid_from >= :day_{number}
                AND valid_from <= {moment} AND valid_to > {moment}
                ORDER BY valid_from DESC LIMIT 1
            )
            UNION ALL {buckets}
            LIMIT 1
        ) AS in_force ON TRUE
    """


@cache
def _in_force(times: int) -> TextClause:
    """Make the statement for so many times: each is a parameter, so that only its own partitions are planned."""
    moments = (f"{name}_{number}" for number in range(times) for name in ("moment", "day"))
    return statement(f"{' UNION ALL '.join(map(_in_force_at, range(times)))} ORDER BY number").bindparams(
        *(bindparam(name, type_=Timestamp) for name in moments)
    )


# Equal steps follow each other only at midnight, where steps are split. Only for the extremes does it matter when they
# were reached.
_STATISTICS = statement(f"""
    WITH recorded AS ({recorded(":starts", ":ends", ":first_day")}),
    piece AS MATERIALIZED (
        SELECT price, state, greatest(valid_from, :starts) AS starts, least(valid_to, :ends) AS ends FROM recorded
        WHERE valid_from < :ends AND valid_to > :starts
    ),
    timed AS (
        SELECT price, state <> 'unknown' AS known,
            round(date_part('epoch', sum(ends - starts)) * 1e6)::bigint AS microseconds
        FROM piece GROUP BY 1, 2
    ),
    ranked AS (
        SELECT *, sum(microseconds) OVER (ORDER BY price) * 4 AS reached, sum(microseconds) OVER () AS total
        FROM timed WHERE price IS NOT NULL
    ),
    extreme AS (SELECT min(price) AS lowest, max(price) AS highest FROM timed),
    outermost AS MATERIALIZED (SELECT price, starts, ends FROM piece, extreme WHERE price IN (lowest, highest)),
    reached AS (
        SELECT price, max(starts) AS at FROM outermost
        WHERE NOT EXISTS (
            SELECT FROM outermost AS before WHERE before.ends = outermost.starts AND before.price = outermost.price
        )
        GROUP BY price
    )
    SELECT min(price) FILTER (WHERE reached >= total), min(price) FILTER (WHERE reached >= 2 * total),
        min(price) FILTER (WHERE reached >= 3 * total),
        coalesce(sum(microseconds) FILTER (WHERE price > :current), 0)::bigint,
        NULL, NULL,
        min(price), (SELECT at FROM reached, extreme WHERE price = lowest),
        max(price), (SELECT at FROM reached, extreme WHERE price = highest),
        coalesce(sum(price::numeric * microseconds), 0), coalesce(sum(microseconds), 0)::bigint,
        (SELECT coalesce(sum(microseconds), 0)::bigint FROM timed WHERE known),
        EXISTS (SELECT FROM {_FOUND})
    FROM ranked
""")


class SqlAlchemyPriceReader:
    """The best price of one product."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = for_single_statements(engine)

    async def steps(self, product_id: UUID, window: Window, limit: int) -> list[PriceStep]:
        async with connect(self._engine) as connection:
            rows = (await connection.execute(_STEPS, {**within(product_id, window), "limit": limit})).all()
        if not rows:
            raise ProductNotFound(product_id)
        return await offload(partial(_steps, rows), len(rows))

    async def buckets(self, product_id: UUID, window: Window, width: BucketWidth) -> list[PriceSummary]:
        from_steps, from_buckets = _BUCKETS[width]
        parameters = within(product_id, window)
        async with connect(self._engine) as connection:
            aligned = width.ceil(window.start)
            rolled = min(await rolled_until(connection, product_id), width.floor(window.end))
            if aligned < rolled:
                parameters |= {"aligned": aligned, "rolled": rolled, "tail_day": BucketWidth.DAY.floor(rolled)}
            rows = (await connection.execute(from_buckets if aligned < rolled else from_steps, parameters)).all()
        length = width.length
        return [summary(Window(at, ends or at + length), sums) for at, ends, *sums in map(tuple, rows)]

    async def sums(self, product_id: UUID, bounds: Sequence[datetime], width: BucketWidth) -> list[PriceSummary]:
        window = Window(bounds[0], bounds[-1])
        parameters = within(product_id, window) | {"bounds": bounds}
        async with connect(self._engine) as connection:
            aligned = width.ceil(window.start)
            rolled = min(await rolled_until(connection, product_id), width.floor(window.end))
            if rolled <= aligned:
                # No whole bucket is rolled up: all is summed from steps, as the time before buckets is.
                aligned = rolled = window.end
            parameters |= {"aligned": aligned, "rolled": rolled, "tail_day": BucketWidth.DAY.floor(rolled)}
            rows = (await connection.execute(_SUMS[width], parameters)).all()
        return [summary(Window(bounds[stretch - 1], bounds[stretch]), sums) for stretch, *sums in map(tuple, rows)]

    async def in_force(self, product_id: UUID, times: Sequence[datetime]) -> list[PriceInForce | None]:
        parameters: dict[str, Any] = {"ids": [product_id]}
        for number, at in enumerate(times):
            parameters |= {f"moment_{number}": at, f"day_{number}": BucketWidth.DAY.floor(at)}
        async with connect(self._engine) as connection:
            rows = (await connection.execute(_in_force(len(times)), parameters)).all()
        if not rows:
            raise ProductNotFound(product_id)
        return [
            None if state is None else PriceInForce(PriceState(state), price) for _, state, price in map(tuple, rows)
        ]

    async def statistics(
        self, product_id: UUID, window: Window, current: int | None
    ) -> tuple[PriceSummary, PriceDistribution]:
        async with connect(self._engine) as connection:
            parameters = {**within(product_id, window), "current": current}
            row = (await connection.execute(_STATISTICS, parameters)).one()
        p25, median, p75, higher, *sums, there = tuple(row)
        if not there:
            raise ProductNotFound(product_id)
        return summary(window, sums), PriceDistribution(p25, median, p75, higher)


async def rolled_until(connection: AsyncConnection, product_id: UUID) -> datetime:
    """Return the midnight up to which the product's history is rolled up.

    Raises:
        ProductNotFound
    """
    midnight, _ = await rolled_up(connection, product_id)
    return midnight


async def rolled_up(connection: AsyncConnection, product_id: UUID) -> tuple[datetime, datetime]:
    """Return the midnights up to which the product's best price and its offers' prices are rolled up.

    Raises:
        ProductNotFound
    """
    for best_price, offers in await connection.execute(_ROLLED_UNTIL, {"ids": [product_id]}):
        return best_price or EPOCH, offers or EPOCH
    raise ProductNotFound(product_id)


def within(product_id: UUID, window: Window) -> dict[str, Any]:
    """Return the parameters of a statement about one product and window."""
    return {
        "ids": [product_id],
        "starts": window.start,
        "ends": window.end,
        "first_day": BucketWidth.DAY.floor(window.start),
    }


def summary(window: Window, sums: Sequence[Any]) -> PriceSummary:
    """Read the sums of a row, in the order of `SUMS`."""
    opened, close, lowest, lowest_at, highest, highest_at, price_time, in_stock, known = sums
    return PriceSummary(
        window,
        opened,
        close,
        None if lowest is None else Extreme(lowest, lowest_at),
        None if highest is None else Extreme(highest, highest_at),
        int(price_time),
        in_stock,
        known,
    )


def _steps(rows: Sequence[Sequence[Any]]) -> list[PriceStep]:
    return [PriceStep(PriceState(state), *rest) for state, *rest in rows if state is not None]
