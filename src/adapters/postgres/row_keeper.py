"""Upkeep of the tables: history's daily partitions made ahead, withdrawn products and sold-out offers purged."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import Integer, Interval, Uuid, bindparam, column, delete, func, select, table, text, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import connect
from adapters.postgres.offers import HistoryKept
from adapters.postgres.tables import best_price_step, offer, offer_interval, product

DAYS_AHEAD = 3
"""Partitions are made this far ahead: a worker that is down over a weekend finds today's on its return."""

# IF NOT EXISTS looks before it locks: without this, of two that make the same partition one fails.
_ONE_BY_ONE = text("SELECT pg_advisory_xact_lock(hashtext('product-aggregator partitions'))")
_PARTITIONS = text("""
    SELECT inhrelid::regclass::text AS name FROM pg_inherits
    WHERE inhparent IN ('offer_interval'::regclass, 'best_price_step'::regclass)
""")
_WITHDRAWN = select(product.c.id).where(product.c.withdrawn_at.is_not(None)).order_by(product.c.withdrawn_at).limit(1)
_product_id = bindparam("product_id", type_=Uuid)
_FORGET_OFFERS = delete(offer).where(offer.c.product_id == _product_id)
_FORGET_PRODUCT = delete(product).where(product.c.id == _product_id)
_LONG_SOLD_OUT = (
    select(offer.c.product_id, offer.c.id)
    .where(offer.c.sold_out_at < func.now() - bindparam("kept", type_=Interval))
    .order_by(offer.c.sold_out_at)
    .limit(bindparam("rows", type_=Integer))
    .with_for_update(skip_locked=True)
)
_PURGE_SOLD_OUT = delete(offer).where(tuple_(offer.c.product_id, offer.c.id).in_(_LONG_SOLD_OUT))


class SqlAlchemyRowKeeper:
    """The upkeep, each step in a transaction of its own."""

    def __init__(self, engine: AsyncEngine, kept: HistoryKept) -> None:
        self._engine = engine
        self._kept = kept

    async def prepare_history(self) -> None:
        async with connect(self._engine) as connection:
            existing = set((await connection.execute(_PARTITIONS)).scalars())
            for name, ddl in self._partitions():
                if name not in existing:
                    await connection.execute(_ONE_BY_ONE)
                    await connection.execute(text(ddl))
                    await connection.commit()

    async def purge_withdrawn(self) -> bool:
        async with connect(self._engine) as connection:
            product_id = (await connection.execute(_WITHDRAWN)).scalar()
            if product_id is None:
                return False
            for name in (await connection.execute(_PARTITIONS)).scalars():
                history = table(name, column("product_id", Uuid))
                await connection.execute(delete(history).where(history.c.product_id == product_id))
                await connection.commit()
            await connection.execute(_FORGET_OFFERS, {"product_id": product_id})
            await connection.execute(_FORGET_PRODUCT, {"product_id": product_id})
            await connection.commit()
            return True

    async def purge_sold_out(self, kept: timedelta, rows: int) -> int:
        async with connect(self._engine) as connection:
            purged = await connection.execute(_PURGE_SOLD_OUT, {"kept": kept, "rows": rows})
            await connection.commit()
            return purged.rowcount

    def _partitions(self) -> Iterator[tuple[str, str]]:
        today = datetime.now(UTC).date()
        for history, days_kept in ((offer_interval, self._kept.offer_days), (best_price_step, self._kept.step_days)):
            for offset in range(-days_kept, DAYS_AHEAD + 1):
                day = today + timedelta(days=offset)
                following = day + timedelta(days=1)
                name = f"{history.name}_{day:%Y%m%d}"
                yield (
                    name,
                    (
                        f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {history.name} "
                        f"FOR VALUES FROM ('{day} 00:00+00') TO ('{following} 00:00+00')"
                    ),
                )
