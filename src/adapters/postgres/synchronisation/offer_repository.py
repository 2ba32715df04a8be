"""Current offers and their history on PostgreSQL: per group and table, one Core statement with the changed rows."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.bulk import arrays, unnested
from adapters.postgres.prices.dropped_history import read_dropped
from adapters.postgres.prices.tables import best_price_step, insight, offer_interval
from adapters.postgres.synchronisation.rows import offer
from domain.offer import TrackedOffer
from domain.prices.retention import Retention
from domain.synchronisation import Observation
from domain.window import BucketWidth

_OF = select(offer).where(offer.c.product_id == any_(bindparam("ids", type_=ARRAY(Uuid))))
_CHANGED = upsert(offer).from_select(list(offer.c.keys()), select(unnested(*offer.columns)))
_SAVE_CHANGED = _CHANGED.on_conflict_do_update(
    index_elements=[offer.c.product_id, offer.c.id],
    set_={column.name: _CHANGED.excluded[column.name] for column in offer.columns if not column.primary_key},
)
_APPEND_INTERVALS = insert(offer_interval).from_select(
    list(offer_interval.c.keys()), select(unnested(*offer_interval.columns))
)
_ROLLED_UNTIL = select(insight.c.product_id, insight.c.rolled_until).where(
    insight.c.product_id == any_(bindparam("ids", type_=ARRAY(Uuid)))
)
_APPEND_STEPS = insert(best_price_step).from_select(
    list(best_price_step.c.keys()), select(unnested(*best_price_step.columns))
)
_TIME = select(func.now())

_Interval = tuple[UUID, UUID, int | None, datetime, datetime]
_Step = tuple[UUID, int | None, datetime, datetime, str]


class SqlAlchemyOfferRepository:
    """Offers by product. History beyond the retention is not stored, except steps that are not rolled up yet."""

    def __init__(self, session: AsyncSession, retention: Retention) -> None:
        self._session = session
        self._retention = retention

    async def of(self, product_ids: Collection[UUID]) -> Mapping[UUID, Sequence[TrackedOffer]]:
        offers: defaultdict[UUID, list[TrackedOffer]] = defaultdict(list)
        if product_ids:
            rows = await self._session.execute(_OF, {"ids": list(product_ids)})
            # Tuples, because a row of SQLAlchemy's is slower to take apart.
            for product_id, id, price, items, first_seen_at, changed_at, sold_out_at, known_until in map(tuple, rows):
                kept = TrackedOffer(id, price, items, first_seen_at, changed_at, sold_out_at, known_until)
                offers[product_id].append(kept)
        return offers

    async def record(self, observations: Collection[Observation]) -> None:
        changed = [_offer(each.product_id, offer) for each in observations for offer in each.changed]
        if changed:
            await self._session.execute(_SAVE_CHANGED, arrays(offer.columns, changed))
        intervals = [
            (each.product_id, ended.offer_id, ended.price, ended.valid_from, ended.valid_to)
            for each in observations
            for ended in each.ended
        ]
        steps = [
            (each.product_id, step.price, step.valid_from, step.valid_to, step.state.value)
            for each in observations
            for step in each.steps
        ]
        intervals, steps = await self._with_room(intervals, steps)
        if intervals:
            await self._session.execute(_APPEND_INTERVALS, arrays(offer_interval.columns, intervals))
        if steps:
            await self._session.execute(_APPEND_STEPS, arrays(best_price_step.columns, steps))

    async def _with_room(self, intervals: list[_Interval], steps: list[_Step]) -> tuple[list[_Interval], list[_Step]]:
        """Return the rows that are still kept. Rows of the newest end's day (UTC) always are, so they need no query."""
        ends = [row[4] for row in intervals] + [row[3] for row in steps]
        begins = [row[3] for row in intervals] + [row[2] for row in steps]
        if not ends or min(begins) >= BucketWidth.DAY.floor(max(ends)):
            return intervals, steps
        now = (await self._session.execute(_TIME)).scalar_one()
        kept = replace(self._retention, dropped=await read_dropped(self._session))
        steps_since = kept.steps_since(now)
        old = {row[0] for row in steps if row[2] < steps_since}
        rolled_until = await self._rolled_until(old) if old else {}
        return (
            [row for row in intervals if row[3] >= kept.offers_since(now)],
            [row for row in steps if row[2] >= min(steps_since, rolled_until.get(row[0], steps_since))],
        )

    async def _rolled_until(self, product_ids: Collection[UUID]) -> dict[UUID, datetime]:
        rows = await self._session.execute(_ROLLED_UNTIL, {"ids": list(product_ids)})
        return dict(map(tuple, rows))


def _offer(product_id: UUID, offer: TrackedOffer) -> tuple[Any, ...]:
    return (
        product_id,
        offer.id,
        offer.price,
        offer.items_in_stock,
        offer.first_seen_at,
        offer.changed_at,
        offer.sold_out_at,
        offer.known_until,
    )
