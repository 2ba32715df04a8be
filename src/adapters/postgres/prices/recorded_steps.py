"""The recorded steps of many products: one after the other, so that PostgreSQL sorts the steps of one at a time."""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from uuid import UUID

from asyncpg import Record
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.driver_query import DriverQuery
from adapters.postgres.prices.history_sql import statement
from adapters.postgres.snapshot import SnapshotLimits, read_snapshot
from application.prices.export import RecordedStep
from domain.prices.price import PriceState, PriceStep
from domain.window import BucketWidth, Window


def _query(chosen: str) -> DriverQuery:
    return DriverQuery.of(
        statement(f"""
            SELECT id, state, price, valid_from, valid_to, known_until
            FROM (SELECT id FROM product WHERE withdrawn_at IS NULL {chosen}) AS chosen
            LEFT JOIN LATERAL (
                SELECT state, price, valid_from, valid_to, NULL::timestamptz AS known_until FROM best_price_step
                WHERE product_id = chosen.id AND valid_from >= :first_day AND valid_from < :ends AND valid_to > :starts
                UNION ALL
                SELECT CASE WHEN best_price IS NULL THEN 'out_of_stock' ELSE 'in_stock' END, best_price,
                    best_price_since, known_until, known_until
                FROM synchronisation
                WHERE product_id = chosen.id AND best_price_since < :ends AND known_until > :starts
                    AND known_until > best_price_since
            ) AS step ON true
            ORDER BY id, valid_from
        """)
    )


_ALL = _query("")
_CHOSEN = _query("AND id = ANY(:ids)")


class SqlAlchemyRecordedSteps:
    """See `RecordedSteps`."""

    def __init__(self, engine: AsyncEngine, limits: SnapshotLimits) -> None:
        self._engine = engine
        self._limits = limits

    async def __call__(
        self, window: Window, product_ids: Collection[UUID]
    ) -> AsyncGenerator[Sequence[RecordedStep], None]:
        query = _CHOSEN if product_ids else _ALL
        first_day = BucketWidth.DAY.floor(window.start)
        given = {"ids": list(product_ids), "starts": window.start, "ends": window.end, "first_day": first_day}
        rows = read_snapshot(self._engine, self._limits, query, query.values(given))
        async with aclosing(rows) as batches:
            async for batch in batches:
                yield [_step(row) for row in batch]


def _step(row: Record) -> RecordedStep:
    id, state, price, valid_from, valid_to, known_until = row
    if state is None:
        return RecordedStep(id, None)
    return RecordedStep(id, PriceStep(PriceState(state), price, valid_from, valid_to), known_until)
