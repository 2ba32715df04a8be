"""Reads of single offers' prices over time.

An offer that did not change across a gap has one interval across it, so every interval is cut to the time in which the
product is known. An interval without a price is one in which the offer alone is unknown.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid as UuidType
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import connect
from adapters.postgres.prices.history_sql import INTERVALS, microseconds, recorded, statement
from adapters.postgres.prices.price_reader import SUMS, rolled_until, summary, within
from adapters.postgres.synchronisation.rows import offer
from application.offload import offload
from application.prices.readers import OfferLife, OfferPrices
from domain.offer import OfferInterval, TrackedOffer
from domain.price_history import PriceSummary
from domain.window import BucketWidth, Window

_KNOWN = f"""
    SELECT range_agg(tstzrange(greatest(valid_from, :starts), least(valid_to, :ends))) AS stretches
    FROM ({recorded(":starts", ":ends", ":first_day")}) AS recorded
    WHERE state <> 'unknown' AND valid_from < :ends AND valid_to > :starts
"""
_IN_STOCK = """
    SELECT offer_id, price, valid_from, valid_to FROM offer_interval
    WHERE product_id = ANY(:ids) AND valid_from >= :first_day AND valid_from < :ends AND valid_to > :starts
    UNION ALL
    SELECT id, price, changed_at, coalesce(known_until, 'infinity') FROM offer
    WHERE product_id = ANY(:ids) AND sold_out_at IS NULL AND changed_at < :ends
    AND (known_until IS NULL OR known_until > greatest(changed_at, :starts))
    UNION ALL
    SELECT id, NULL, known_until, 'infinity' FROM offer WHERE product_id = ANY(:ids) AND known_until < :ends
"""
# One statement, so that no observation comes in between; newest first, so that the limit keeps the newest.
_STEPS = """
    SELECT NULL AS offer_id, NULL AS price, lower(stretch) AS valid_from, upper(stretch) AS valid_to
    FROM ({known}) AS known, unnest(stretches) AS stretch
    UNION ALL (
        SELECT offer_id, price, greatest(valid_from, :starts), least(valid_to, :ends) FROM ({in_stock}) AS in_stock
        WHERE {offer} ORDER BY 3 DESC LIMIT :limit
    )
    ORDER BY valid_from
"""
_ALL_STEPS = statement(_STEPS.format(known=_KNOWN, in_stock=_IN_STOCK, offer="TRUE"))
_STEPS_OF_ONE = statement(_STEPS.format(known=_KNOWN, in_stock=_IN_STOCK, offer="offer_id = :offer_id")).bindparams(
    bindparam("offer_id", type_=UuidType)
)
_OFFER = select(offer).where(
    offer.c.product_id == bindparam("product_id", type_=UuidType), offer.c.id == bindparam("offer_id", type_=UuidType)
)


def _buckets(length: str) -> str:
    cells = f"""
        generate_series(
            date_bin({length}, lower(stretch), TIMESTAMPTZ 'epoch'), upper(stretch) - INTERVAL '1 microsecond', {length}
        ) AS bucket
    """
    cut = f"""
        greatest(lower(stretch), bucket) AS starts, least(upper(stretch), bucket + {length}) AS ends,
        greatest(bucket, :starts) AS bucket_starts, least(bucket + {length}, :ends) AS bucket_ends
    """
    return f"""
        WITH known AS MATERIALIZED ({_KNOWN}),
        known_time AS MATERIALIZED (
            SELECT bucket_starts, sum({microseconds("starts", "ends")})::bigint AS known
            FROM (SELECT {cut} FROM known, unnest(stretches) AS stretch, {cells}) AS piece GROUP BY bucket_starts
        ),
        timed AS (
            SELECT *, {microseconds("starts", "ends")} AS microseconds FROM (
                SELECT offer_id, price, {cut} FROM ({_IN_STOCK}) AS in_stock, known, unnest(
                    stretches * tstzmultirange(tstzrange(greatest(valid_from, :starts), least(valid_to, :ends)))
                ) AS stretch, {cells}
            ) AS piece
        ),
        summed AS MATERIALIZED (
            SELECT offer_id, bucket_starts, bucket_ends,
                max(price) FILTER (WHERE starts = bucket_starts) AS open,
                max(price) FILTER (WHERE ends = bucket_ends) AS close,
                min(price) AS lowest,
                (array_agg(starts ORDER BY price, starts DESC) FILTER (WHERE price IS NOT NULL))[1] AS lowest_at,
                max(price) AS highest,
                (array_agg(starts ORDER BY price DESC, starts DESC) FILTER (WHERE price IS NOT NULL))[1] AS highest_at,
                sum(price::numeric * microseconds) AS price_time,
                sum(microseconds) FILTER (WHERE price IS NOT NULL)::bigint AS in_stock,
                coalesce(sum(microseconds) FILTER (WHERE price IS NULL), 0)::bigint AS unknown
            FROM timed GROUP BY offer_id, bucket_starts, bucket_ends HAVING count(price) > 0
            ORDER BY bucket_starts LIMIT :limit
        )
        SELECT offer_id, bucket_starts AS at, bucket_ends, {SUMS}
        FROM summed JOIN (SELECT bucket_starts, known AS product_known FROM known_time) AS of_product
        USING (bucket_starts), LATERAL (SELECT product_known - unknown AS known) AS of_offer ORDER BY bucket_starts
    """


_BUCKETS = {width: statement(_buckets(INTERVALS[width])) for width in BucketWidth}


class SqlAlchemyOfferPriceReader:
    """The prices of one product's offers."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def steps(self, product_id: UUID, window: Window, limit: int) -> OfferPrices:
        async with connect(self._engine) as connection:
            await rolled_until(connection, product_id)
            rows = (await connection.execute(_ALL_STEPS, {**within(product_id, window), "limit": limit})).all()
        return await offload(partial(_prices, rows), len(rows))

    async def buckets(
        self, product_id: UUID, window: Window, width: BucketWidth, limit: int
    ) -> Mapping[UUID, list[PriceSummary]]:
        async with connect(self._engine) as connection:
            await rolled_until(connection, product_id)
            rows = (await connection.execute(_BUCKETS[width], {**within(product_id, window), "limit": limit})).all()
        return await offload(partial(_summaries, rows), len(rows))

    async def life(self, product_id: UUID, offer_id: UUID, window: Window, limit: int) -> OfferLife:
        asked = {**within(product_id, window), "product_id": product_id, "offer_id": offer_id, "limit": limit}
        # One snapshot, so that the offer and its prices come from one observation.
        async with connect(self._engine.execution_options(isolation_level="REPEATABLE READ")) as connection:
            await rolled_until(connection, product_id)
            kept = [TrackedOffer(*of) for _, *of in map(tuple, await connection.execute(_OFFER, asked))]
            rows = (await connection.execute(_STEPS_OF_ONE, asked)).all()
        return OfferLife(kept[0] if kept else None, await offload(partial(_prices, rows), len(rows)))


def _summaries(rows: Sequence[Sequence[Any]]) -> Mapping[UUID, list[PriceSummary]]:
    found: defaultdict[UUID, list[PriceSummary]] = defaultdict(list)
    for offer_id, at, ends, *sums in rows:
        found[offer_id].append(summary(Window(at, ends), sums))
    return found


def _prices(rows: Sequence[Sequence[Any]]) -> OfferPrices:
    known: list[Window] = []
    in_stock: defaultdict[UUID, list[OfferInterval]] = defaultdict(list)
    for offer_id, price, valid_from, valid_to in map(tuple, rows):
        if offer_id is not None:
            in_stock[offer_id].append(OfferInterval(offer_id, price, valid_from, valid_to))
        elif valid_from is not None:
            known.append(Window(valid_from, valid_to))
    return OfferPrices(known, in_stock)
