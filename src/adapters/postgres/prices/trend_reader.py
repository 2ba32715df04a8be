"""The trends of a page of products, in one statement: opens of rolled-up hours, and today's steps."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import connect
from adapters.postgres.prices.history_sql import price_at, statement
from application.prices.trends import PriceTrend, trend_times

_TRENDS = statement(f"""
    WITH wanted AS (
        SELECT product_id, coalesce(rolled_until, TIMESTAMPTZ 'epoch') AS rolled, change_1d, low_7d
        FROM unnest(:ids) AS product_id LEFT JOIN insight USING (product_id)
    ),
    moment AS (SELECT * FROM wanted CROSS JOIN generate_series(:starts, :ends, INTERVAL '3 hours') AS at),
    hour AS (
        SELECT product_id, at, open FROM best_price_bucket_1h
        WHERE product_id = ANY(:ids) AND at >= :starts AND at <= :ends
    )
    SELECT moment.product_id, change_1d, low_7d,
        (
            SELECT count(*) FROM offer WHERE offer.product_id = moment.product_id
            AND (sold_out_at IS NULL OR known_until IS NULL AND sold_out_at > now() - CAST(:sold_out_kept AS interval))
        ),
        array_agg(
            CASE WHEN moment.at < rolled THEN open ELSE {price_at("moment.at", "synchronisation")} END
            ORDER BY moment.at
        )
    FROM moment
    LEFT JOIN hour ON hour.product_id = moment.product_id AND hour.at = moment.at
    LEFT JOIN synchronisation ON synchronisation.product_id = moment.product_id
    GROUP BY moment.product_id, change_1d, low_7d
""")


class SqlAlchemyPriceTrends:
    """Trends from the price history; offers count as the catalogue shows them."""

    def __init__(self, engine: AsyncEngine, sold_out_kept: timedelta) -> None:
        self._sold_out_kept = sold_out_kept
        # A transaction around a single statement would cost two round trips more.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def of(self, product_ids: Sequence[UUID], now: datetime) -> Mapping[UUID, PriceTrend]:
        times = list(trend_times(now))
        values = {
            "ids": list(product_ids),
            "starts": times[0],
            "ends": times[-1],
            "sold_out_kept": self._sold_out_kept,
        }
        async with connect(self._engine) as connection:
            rows = (await connection.execute(_TRENDS, values)).all()
        return {
            id: PriceTrend(tuple(prices), change, low, offers) for id, change, low, offers, prices in map(tuple, rows)
        }
