"""The changes of every product's best price over a day and a week, in columns that lists are sorted by."""

from uuid import UUID

from sqlalchemy import Integer, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import connect


def _price_at(moment: str) -> str:
    """Select the price in force at a moment whose steps are kept, null without one.

    Steps leave no hole, so the last one to begin is the one in force.
    """
    return f"""
        CASE WHEN best_price_since <= {moment} THEN CASE WHEN {moment} < known_until THEN best_price END
        ELSE (
            SELECT price FROM best_price_step
            WHERE product_id = observed.product_id
            AND valid_from <= {moment} AND valid_from >= date_trunc('day', {moment}, 'UTC')
            ORDER BY valid_from DESC LIMIT 1
        ) END
    """


_REFRESH = text(f"""
    WITH batch AS MATERIALIZED (
        SELECT product_id FROM insight WHERE product_id > :after
        ORDER BY product_id LIMIT :limit FOR UPDATE SKIP LOCKED
    ),
    observed AS (SELECT * FROM batch JOIN synchronisation USING (product_id)),
    changed AS (
        SELECT product_id,
            {_price_at("now()")} - {_price_at("now() - INTERVAL '1 day'")} AS change_1d,
            {_price_at("now()")} - {_price_at("now() - INTERVAL '7 days'")} AS change_7d
        FROM observed
    ),
    saved AS (
        UPDATE insight SET change_1d = changed.change_1d, change_7d = changed.change_7d
        FROM changed WHERE insight.product_id = changed.product_id
        AND (insight.change_1d, insight.change_7d) IS DISTINCT FROM (changed.change_1d, changed.change_7d)
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
