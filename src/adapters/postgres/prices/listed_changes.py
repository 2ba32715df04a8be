"""The changes of every product's best price over a day and a week and its low, in columns for sorting and filtering."""

from uuid import UUID

from sqlalchemy import Integer, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import connect
from adapters.postgres.prices.history_sql import price_at

_WEEK = "date_trunc('day', now() - INTERVAL '7 days', 'UTC')"
_TODAY = "date_trunc('day', now(), 'UTC')"

_REFRESH = text(f"""
    WITH batch AS MATERIALIZED (
        SELECT product_id FROM insight WHERE product_id > :after
        ORDER BY product_id LIMIT :limit FOR UPDATE SKIP LOCKED
    ),
    observed AS (SELECT * FROM batch JOIN synchronisation USING (product_id)),
    changed AS (
        SELECT product_id,
            {price_at("now()", "observed")} - {price_at("now() - INTERVAL '1 day'", "observed")} AS change_1d,
            {price_at("now()", "observed")} - {price_at("now() - INTERVAL '7 days'", "observed")} AS change_7d,
            (
                -- A price that did not move all week is low only once it falls.
                SELECT min(lowest) - CASE WHEN max(highest) > min(lowest) THEN 0 ELSE 1 END
                FROM best_price_bucket_1d AS day
                WHERE day.product_id = observed.product_id AND at >= {_WEEK} AND at < {_TODAY}
                HAVING bool_or(at = {_WEEK})
            ) AS low_7d
        FROM observed
    ),
    saved AS (
        UPDATE insight SET change_1d = changed.change_1d, change_7d = changed.change_7d, low_7d = changed.low_7d
        FROM changed WHERE insight.product_id = changed.product_id
        AND (insight.change_1d, insight.change_7d, insight.low_7d)
            IS DISTINCT FROM (changed.change_1d, changed.change_7d, changed.low_7d)
    )
    SELECT product_id FROM batch ORDER BY product_id DESC LIMIT 1
""").bindparams(bindparam("after", type_=Uuid), bindparam("limit", type_=Integer))


class SqlAlchemyListedChanges:
    """The columns in `insight`. Rows that a roll-up has locked are skipped until the next time."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def refresh(self, after: UUID, products: int) -> UUID | None:
        async with connect(self._engine) as connection:
            last = (await connection.execute(_REFRESH, {"after": after, "limit": products})).scalar()
            await connection.commit()
            return last
