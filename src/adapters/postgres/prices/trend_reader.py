"""The trends of a page of products and their verdicts, in one statement: rolled-up hours and days, and the steps."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, bindparam
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import connect, for_single_statements
from adapters.postgres.prices.history_sql import microseconds, price_at, statement
from application.prices.trends import PriceTrend, judged_since, trend_times
from domain.prices.statistics import JUDGED_WINDOW, PriceSpans, certain_verdict
from domain.window import MICROSECOND

_TRENDS = statement(f"""
    WITH wanted AS (
        SELECT product_id, coalesce(rolled_until, TIMESTAMPTZ 'epoch') AS rolled, change_1d, low_7d
        FROM unnest(:ids) AS product_id LEFT JOIN insight USING (product_id)
    ),
    hour AS (
        SELECT product_id, at, open FROM best_price_bucket_1h
        WHERE product_id = ANY(:ids) AND at >= :starts AND at <= :ends
    ),
    moment AS (SELECT * FROM wanted CROSS JOIN generate_series(:starts, :ends, INTERVAL '3 hours') AS at),
    trend AS (
        SELECT moment.product_id, array_agg(
            CASE WHEN moment.at < rolled THEN open ELSE {price_at("moment.at", "synchronisation")} END
            ORDER BY moment.at
        ) AS prices
        FROM moment
        LEFT JOIN hour ON hour.product_id = moment.product_id AND hour.at = moment.at
        LEFT JOIN synchronisation ON synchronisation.product_id = moment.product_id
        GROUP BY moment.product_id
    ),
    spans AS (
        SELECT product_id, sum(known) AS known, sum(in_stock) AS in_stock,
            sum(in_stock) FILTER (WHERE lowest > best_price) AS dearer,
            sum(in_stock) FILTER (WHERE highest <= best_price) AS not_dearer,
            sum(in_stock) FILTER (WHERE highest < best_price) AS cheaper,
            sum(in_stock) FILTER (WHERE lowest >= best_price) AS not_cheaper
        FROM best_price_bucket_1d JOIN wanted USING (product_id) JOIN synchronisation USING (product_id)
        WHERE product_id = ANY(:ids) AND at >= :judged_since AND at < rolled GROUP BY product_id
    ),
    count AS (
        SELECT product_id, count(*) AS offers FROM offer
        WHERE product_id = ANY(:ids)
        AND (sold_out_at IS NULL OR known_until IS NULL AND sold_out_at > now() - CAST(:sold_out_kept AS interval))
        GROUP BY product_id
    )
    SELECT product_id, prices, change_1d, low_7d, coalesce(offers, 0),
        {microseconds(":judged_since", "greatest(rolled, :judged_since)")},
        coalesce(known, 0)::bigint, coalesce(in_stock, 0)::bigint, coalesce(dearer, 0)::bigint,
        coalesce(not_dearer, 0)::bigint, coalesce(cheaper, 0)::bigint, coalesce(not_cheaper, 0)::bigint
    FROM wanted JOIN trend USING (product_id) LEFT JOIN spans USING (product_id) LEFT JOIN count USING (product_id)
""").bindparams(bindparam("sold_out_kept", type_=Interval))


class SqlAlchemyPriceTrends:
    """Trends from the price history."""

    def __init__(self, engine: AsyncEngine, sold_out_kept: timedelta) -> None:
        self._engine = for_single_statements(engine)
        self._sold_out_kept = sold_out_kept

    async def of(self, product_ids: Sequence[UUID], now: datetime) -> Mapping[UUID, PriceTrend]:
        times = list(trend_times(now))
        values = {
            "ids": list(product_ids),
            "starts": times[0],
            "ends": times[-1],
            "judged_since": judged_since(now),
            "sold_out_kept": self._sold_out_kept,
        }
        async with connect(self._engine) as connection:
            rows = (await connection.execute(_TRENDS, values)).all()
        return {row[0]: _trend(row) for row in rows}


def _trend(row: Sequence[Any]) -> PriceTrend:
    _, prices, change_1d, low_7d, offers, summed, *spans = row
    verdict = certain_verdict(PriceSpans(max(JUDGED_WINDOW // MICROSECOND - summed, 0), *spans))
    return PriceTrend(tuple(prices), change_1d, low_7d, verdict, offers)
