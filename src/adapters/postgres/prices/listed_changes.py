"""The changes of every product's best price over a day and a week and its low, in columns that serve lists."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import Integer, Uuid, bindparam, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.bulk import arrays, unnested
from adapters.postgres.connection import connect
from adapters.postgres.prices.history_sql import price_at
from adapters.postgres.prices.tables import insight
from domain.prices.change import price_change
from domain.prices.price import PriceInForce, PriceState

_WEEK = "date_trunc('day', now() - INTERVAL '7 days', 'UTC')"
_TODAY = "date_trunc('day', now(), 'UTC')"

_PRICES = text(f"""
    WITH batch AS MATERIALIZED (
        SELECT product_id FROM insight WHERE product_id > :after
        ORDER BY product_id LIMIT :limit FOR UPDATE SKIP LOCKED
    ),
    observed AS (SELECT * FROM batch LEFT JOIN synchronisation USING (product_id))
    SELECT product_id, {price_at("now()", "observed")}, {price_at("now() - INTERVAL '1 day'", "observed")},
        {price_at("now() - INTERVAL '7 days'", "observed")},
        (
            -- A price that did not move all week is low only once it falls.
            SELECT min(lowest) - CASE WHEN max(highest) > min(lowest) THEN 0 ELSE 1 END
            FROM best_price_bucket_1d AS day
            WHERE day.product_id = observed.product_id AND at >= {_WEEK} AND at < {_TODAY}
            HAVING bool_or(at = {_WEEK})
        ),
        now()
    FROM observed ORDER BY product_id
""").bindparams(bindparam("after", type_=Uuid), bindparam("limit", type_=Integer))
_COLUMNS = [
    insight.c[name]
    for name in (
        "product_id",
        *("change_1d", "change_percent_1d"),
        *("change_7d", "change_percent_7d"),
        "low_7d",
        "changes_as_of",
    )
]
_NEW = unnested(*_COLUMNS)
_SAVE = (
    update(insight)
    .where(insight.c.product_id == _NEW.c.product_id)
    .values({column.name: _NEW.c[column.name] for column in _COLUMNS[1:]})
)


class SqlAlchemyListedChanges:
    """The columns in `insight`. Rows that a roll-up has locked are skipped until the next time."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def refresh(self, after: UUID, products: int) -> UUID | None:
        async with connect(self._engine) as connection:
            rows = (await connection.execute(_PRICES, {"after": after, "limit": products})).all()
            if rows:
                changed = [
                    (id, *_change(day, now), *_change(week, now), low, as_of) for id, now, day, week, low, as_of in rows
                ]
                await connection.execute(_SAVE, arrays(_COLUMNS, changed))
            await connection.commit()
            return rows[-1][0] if rows else None


def _change(before: int | None, now: int | None) -> tuple[int | None, Decimal | None]:
    found = price_change(
        *(None if price is None else PriceInForce(PriceState.IN_STOCK, price) for price in (before, now))
    )
    return found.change, found.percent
