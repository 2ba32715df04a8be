"""The purge of withdrawn products, of offers sold out for long and of expired idempotency keys, in bounded batches."""

from datetime import timedelta

from sqlalchemy import Delete, Integer, Interval, Uuid, bindparam, column, delete, exists, func, select, table
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.catalogue.rows import IdempotencyKeyRow, product
from adapters.postgres.connection import connect
from adapters.postgres.partitions import existing
from adapters.postgres.prices.tables import PARTITIONED, best_price_bucket_1d, insight
from adapters.postgres.synchronisation.rows import offer

_WITHDRAWN = select(product.c.id).where(product.c.withdrawn_at.is_not(None)).order_by(product.c.withdrawn_at).limit(1)
# An older release, which has no `insight`, has purged the product; the id stays taken until the rest is gone too.
_HALF_PURGED = select(insight.c.product_id).where(~exists().where(product.c.id == insight.c.product_id)).limit(1)
_product_id = bindparam("product_id", type_=Uuid)
_AWAIT_ROLL_UP = select(insight.c.product_id).where(insight.c.product_id == _product_id).with_for_update()
_FORGET_INSIGHT = delete(insight).where(insight.c.product_id == _product_id)
_FORGET_OFFERS = delete(offer).where(offer.c.product_id == _product_id)
_FORGET_PRODUCT = delete(product).where(product.c.id == _product_id)
# A CTE is evaluated once. PostgreSQL might evaluate a joined subquery again, and skip the rows that it has locked.
_LONG_SOLD_OUT = (
    select(offer.c.product_id, offer.c.id)
    # Not unknown ones, which may be in stock.
    .where(offer.c.sold_out_at < func.now() - bindparam("kept", type_=Interval), offer.c.known_until.is_(None))
    .order_by(offer.c.sold_out_at)
    .limit(bindparam("rows", type_=Integer))
    .with_for_update(skip_locked=True)
    .cte("gone")
)
_PURGE_SOLD_OUT = delete(offer).where(
    offer.c.product_id == _LONG_SOLD_OUT.c.product_id, offer.c.id == _LONG_SOLD_OUT.c.id
)
_EXPIRED = (
    select(IdempotencyKeyRow.key)
    .where(IdempotencyKeyRow.created_at < func.now() - bindparam("kept", type_=Interval))
    .order_by(IdempotencyKeyRow.created_at)
    .limit(bindparam("rows", type_=Integer))
    .with_for_update(skip_locked=True)
    .cte("gone")
)
_PURGE_EXPIRED = delete(IdempotencyKeyRow).where(IdempotencyKeyRow.key == _EXPIRED.c.key)


class SqlAlchemyCataloguePurge:
    """See `CataloguePurge`; each step is a transaction of its own."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def purge_withdrawn(self) -> bool:
        async with connect(self._engine) as connection:
            product_id = (await connection.execute(_WITHDRAWN)).scalar()
            if product_id is None:
                product_id = (await connection.execute(_HALF_PURGED)).scalar()
            if product_id is None:
                return False
            # This waits for a roll-up of the product's history that is under way; no other will begin.
            await connection.execute(_AWAIT_ROLL_UP, {"product_id": product_id})
            await connection.commit()
            for name in [each.name for each in await existing(connection, PARTITIONED)] + [best_price_bucket_1d.name]:
                history = table(name, column("product_id", Uuid))
                await connection.execute(delete(history).where(history.c.product_id == product_id))
                await connection.commit()
            await connection.execute(_FORGET_OFFERS, {"product_id": product_id})
            await connection.execute(_FORGET_INSIGHT, {"product_id": product_id})
            await connection.execute(_FORGET_PRODUCT, {"product_id": product_id})
            await connection.commit()
            return True

    async def purge_sold_out(self, kept: timedelta, rows: int) -> int:
        return await self._purge(_PURGE_SOLD_OUT, kept, rows)

    async def purge_idempotency_keys(self, kept: timedelta, rows: int) -> int:
        return await self._purge(_PURGE_EXPIRED, kept, rows)

    async def _purge(self, statement: Delete, kept: timedelta, rows: int) -> int:
        async with connect(self._engine) as connection:
            purged = await connection.execute(statement, {"kept": kept, "rows": rows})
            await connection.commit()
            return purged.rowcount
