"""Upkeep of the catalogue: withdrawn products, offers sold out for long and answers kept for long are purged."""

from datetime import timedelta

from sqlalchemy import Delete, Integer, Interval, Uuid, bindparam, column, delete, exists, func, select, table
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import connect
from adapters.postgres.derived_tables import insight
from adapters.postgres.prices.partitions import existing
from adapters.postgres.tables import best_price_bucket_1d, idempotency_key, offer, product

_WITHDRAWN = select(product.c.id).where(product.c.withdrawn_at.is_not(None)).order_by(product.c.withdrawn_at).limit(1)
# A release that knows no `insight` has purged the product; its id is taken until the rest is gone too.
_HALF_PURGED = select(insight.c.product_id).where(~exists().where(product.c.id == insight.c.product_id)).limit(1)
_product_id = bindparam("product_id", type_=Uuid)
_AWAIT_ROLL_UP = select(insight.c.product_id).where(insight.c.product_id == _product_id).with_for_update()
_FORGET_INSIGHT = delete(insight).where(insight.c.product_id == _product_id)
_FORGET_OFFERS = delete(offer).where(offer.c.product_id == _product_id)
_FORGET_PRODUCT = delete(product).where(product.c.id == _product_id)
# As a CTE, which is worked out once: in a join PostgreSQL might ask a subquery again, and skip what it has locked.
_LONG_SOLD_OUT = (
    select(offer.c.product_id, offer.c.id)
    .where(offer.c.sold_out_at < func.now() - bindparam("kept", type_=Interval))
    .order_by(offer.c.sold_out_at)
    .limit(bindparam("rows", type_=Integer))
    .with_for_update(skip_locked=True)
    .cte("gone")
)
_PURGE_SOLD_OUT = delete(offer).where(
    offer.c.product_id == _LONG_SOLD_OUT.c.product_id, offer.c.id == _LONG_SOLD_OUT.c.id
)
_EXPIRED = (
    select(idempotency_key.c.key)
    .where(idempotency_key.c.created_at < func.now() - bindparam("kept", type_=Interval))
    .order_by(idempotency_key.c.created_at)
    .limit(bindparam("rows", type_=Integer))
    .with_for_update(skip_locked=True)
    .cte("gone")
)
_PURGE_EXPIRED = delete(idempotency_key).where(idempotency_key.c.key == _EXPIRED.c.key)


class SqlAlchemyRowKeeper:
    """The upkeep, each step in a transaction of its own."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def purge_withdrawn(self) -> bool:
        async with connect(self._engine) as connection:
            product_id = (await connection.execute(_WITHDRAWN)).scalar()
            if product_id is None:
                product_id = (await connection.execute(_HALF_PURGED)).scalar()
            if product_id is None:
                return False
            # Whoever is rolling up the product's history at the moment holds this; nobody will begin to.
            await connection.execute(_AWAIT_ROLL_UP, {"product_id": product_id})
            await connection.commit()
            for name in [each.name for each in await existing(connection)] + [best_price_bucket_1d.name]:
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

    async def purge_answers(self, kept: timedelta, rows: int) -> int:
        return await self._purge(_PURGE_EXPIRED, kept, rows)

    async def _purge(self, statement: Delete, kept: timedelta, rows: int) -> int:
        async with connect(self._engine) as connection:
            purged = await connection.execute(statement, {"kept": kept, "rows": rows})
            await connection.commit()
            return purged.rowcount
