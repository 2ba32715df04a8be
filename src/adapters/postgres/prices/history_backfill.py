"""A made-up past for a product, for seeding: it is written before the recorded history, which stays as it is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from adapters.postgres.connection import open_session
from adapters.postgres.rows import Timestamp
from adapters.postgres.unit_of_work import SqlAlchemyUnitOfWork
from domain.errors import ProductNotFound
from domain.offer import OfferInterval
from domain.prices.price import PriceStep
from domain.prices.retention import Retention
from domain.synchronisation import Observation
from domain.window import BucketWidth

_product_id = bindparam("product_id", type_=Uuid)
_OBSERVED = text("SELECT product_id FROM synchronisation WHERE observed_at IS NOT NULL ORDER BY product_id")
_NOT_OBSERVED = text("""
    SELECT count(*) FROM synchronisation JOIN product ON id = product_id
    WHERE observed_at IS NULL AND withdrawn_at IS NULL AND registration_state IN ('pending', 'registered')
""")
_FIRST_SEEN = text("""
    SELECT coalesce(
        (SELECT min(valid_from) FROM best_price_step WHERE product_id = :product_id), best_price_since
    ) AS at, rolled_until
    FROM synchronisation JOIN insight USING (product_id)
    WHERE product_id = :product_id AND observed_at IS NOT NULL
""").bindparams(_product_id)
# An offer whose first price has not ended yet has no interval of it.
_PRICES = text("""
    SELECT offer_id, price FROM offer_interval WHERE product_id = :product_id AND valid_from = :at
    UNION ALL
    SELECT id, price FROM offer WHERE product_id = :product_id AND changed_at = :at AND sold_out_at IS NULL
""").bindparams(_product_id, bindparam("at", type_=Timestamp))
# A roll-up of the product locks this row.
_LOCK_INSIGHT = text("SELECT FROM insight WHERE product_id = :product_id FOR UPDATE").bindparams(_product_id)
_ROLL_UP_FROM = text("""
    UPDATE insight SET rolled_until = :begins, offers_rolled_until = :begins WHERE product_id = :product_id
""").bindparams(_product_id, bindparam("begins", type_=Timestamp))


@dataclass(frozen=True, slots=True)
class FirstSight:
    """The first recorded observation: its time, the prices of the offers then in stock, and if its day is rolled up.

    Once the day is rolled up into buckets, no past can be written before it.
    """

    at: datetime
    prices: Mapping[UUID, int]
    rolled_up: bool


@dataclass(frozen=True, slots=True)
class Past:
    """The history to record from the midnight `begins` to the first sight, and when each offer was first seen in it.

    Its last steps and intervals end at the first sight, before which every price must have been another one.
    """

    begins: datetime
    sight: FirstSight
    ended: list[OfferInterval]
    steps: list[PriceStep]
    first_seen: Mapping[UUID, datetime]


class SqlAlchemyHistoryBackfill:
    """Reads where the record of a product begins, and writes a past before it.

    Raises:
        StorageUnavailable: in every call.
    """

    def __init__(self, engine: AsyncEngine, retention: Retention) -> None:
        self._engine = engine
        self._retention = retention

    async def observed(self) -> list[UUID]:
        """Return the products that were observed."""
        async with open_session(self._engine) as session:
            return list((await session.execute(_OBSERVED)).scalars())

    async def not_observed(self) -> int:
        """Return how many products a worker has yet to observe for the first time, those to be registered included."""
        async with open_session(self._engine) as session:
            return int((await session.execute(_NOT_OBSERVED)).scalar_one())

    async def first_sight(self, product_id: UUID) -> FirstSight | None:
        """Return where the record of the product begins; None if it was never observed, or withdrawn."""
        async with open_session(self._engine) as session:
            return await _first_sight(session, product_id)

    async def write(self, product_id: UUID, past: Past) -> bool:
        """Write the past; False, with nothing written, if the record no longer begins as the past says."""
        async with open_session(self._engine) as session:
            work = SqlAlchemyUnitOfWork(session, self._retention)
            try:
                await work.synchronisations.get(product_id)
            except ProductNotFound:
                return False
            await session.execute(_LOCK_INSIGHT, {"product_id": product_id})
            if past.sight.rolled_up or await _first_sight(session, product_id) != past.sight:
                return False
            offers = (await work.offers.of([product_id])).get(product_id, ())
            moved = [
                replace(offer, first_seen_at=past.first_seen[offer.id])
                for offer in offers
                if past.first_seen.get(offer.id, past.sight.at) < past.sight.at
            ]
            await work.offers.record([Observation(product_id, moved, past.ended, past.steps)])
            await session.execute(_ROLL_UP_FROM, {"product_id": product_id, "begins": past.begins})
            await work.commit()
            return True


async def _first_sight(session: AsyncSession, product_id: UUID) -> FirstSight | None:
    row = (await session.execute(_FIRST_SEEN, {"product_id": product_id})).one_or_none()
    if row is None:
        return None
    prices = await session.execute(_PRICES, {"product_id": product_id, "at": row.at})
    rolled_up = row.rolled_until > BucketWidth.DAY.floor(row.at)
    return FirstSight(row.at, {row.offer_id: row.price for row in prices}, rolled_up)
