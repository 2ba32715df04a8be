"""Current offers and their history on PostgreSQL: one statement per table and group, only what changed is sent."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Uuid, any_, bindparam, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.postgres.bulk import arrays, unnested
from adapters.postgres.connection import Connection
from adapters.postgres.tables import best_price_step, offer, offer_interval
from domain.offer import OfferInterval, TrackedOffer
from domain.price import BestPriceStep
from domain.synchronisation import Observation


@dataclass(frozen=True, slots=True)
class HistoryKept:
    """For how many days before today history is kept as it was recorded."""

    offer_days: int = 7
    step_days: int = 30


_OF = select(offer).where(offer.c.product_id == any_(bindparam("ids", type_=ARRAY(Uuid))))
_CHANGED = upsert(offer).from_select(list(offer.c.keys()), select(unnested(*offer.columns)))
_SAVE_CHANGED = _CHANGED.on_conflict_do_update(
    index_elements=[offer.c.product_id, offer.c.id],
    set_={column.name: _CHANGED.excluded[column.name] for column in offer.columns if not column.primary_key},
)
_APPEND_INTERVALS = insert(offer_interval).from_select(
    list(offer_interval.c.keys()), select(unnested(*offer_interval.columns))
)
_APPEND_STEPS = insert(best_price_step).from_select(
    list(best_price_step.c.keys()), select(unnested(*best_price_step.columns))
)


class SqlAlchemyOfferRepository:
    """Offers by product. History older than what is kept has no partition to go to and is left out."""

    def __init__(self, connection: Connection, kept: HistoryKept) -> None:
        self._connection = connection
        self._kept = kept

    async def of(self, product_ids: Collection[UUID]) -> Mapping[UUID, Sequence[TrackedOffer]]:
        offers: defaultdict[UUID, list[TrackedOffer]] = defaultdict(list)
        if product_ids:
            for row in await self._connection.execute(_OF, {"ids": list(product_ids)}):
                offers[row.product_id].append(_to_tracked(row))
        return offers

    async def record(self, observations: Collection[Observation]) -> None:
        changed = [_offer(each.product_id, offer) for each in observations for offer in each.changed]
        if changed:
            await self._connection.execute(_SAVE_CHANGED, arrays(offer.columns, changed))
        intervals = _since(
            self._kept.offer_days,
            (_interval(each.product_id, ended) for each in observations for ended in each.ended),
        )
        if intervals:
            await self._connection.execute(_APPEND_INTERVALS, arrays(offer_interval.columns, intervals))
        steps = _since(
            self._kept.step_days, (_step(each.product_id, step) for each in observations for step in each.steps)
        )
        if steps:
            await self._connection.execute(_APPEND_STEPS, arrays(best_price_step.columns, steps))


def _since(days: int, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [row for row in rows if row["valid_from"] >= today - timedelta(days=days)]


def _to_tracked(row: Row[Any]) -> TrackedOffer:
    return TrackedOffer(
        id=row.id,
        price=row.price,
        items_in_stock=row.items_in_stock,
        first_seen_at=row.first_seen_at,
        changed_at=row.changed_at,
        sold_out_at=row.sold_out_at,
    )


def _offer(product_id: UUID, offer: TrackedOffer) -> dict[str, Any]:
    return {
        "product_id": product_id,
        "id": offer.id,
        "price": offer.price,
        "items_in_stock": offer.items_in_stock,
        "first_seen_at": offer.first_seen_at,
        "changed_at": offer.changed_at,
        "sold_out_at": offer.sold_out_at,
    }


def _interval(product_id: UUID, ended: OfferInterval) -> dict[str, Any]:
    return {
        "product_id": product_id,
        "offer_id": ended.offer_id,
        "price": ended.price,
        "valid_from": ended.valid_from,
        "valid_to": ended.valid_to,
    }


def _step(product_id: UUID, step: BestPriceStep) -> dict[str, Any]:
    return {
        "product_id": product_id,
        "price": step.price,
        "valid_from": step.valid_from,
        "valid_to": step.valid_to,
        "state": step.state.value,
    }
