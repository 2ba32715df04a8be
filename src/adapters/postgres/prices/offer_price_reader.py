"""Reads of single offers' prices over time.

An offer that did not change across a gap has one interval across it, so every interval is cut to the time in which the
product is known. An interval without a price is one in which the offer alone is unknown.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid as UuidType
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import connect, for_single_statements
from adapters.postgres.prices.history_sql import recorded, statement
from adapters.postgres.prices.offer_sums import ALL_OFFERS, ONE_OFFER
from adapters.postgres.prices.price_reader import rolled_until, rolled_up, summary, within
from adapters.postgres.synchronisation.rows import offer
from application.offload import offload
from application.prices.readers import OfferLife, OfferPrices
from domain.offer import OfferInterval, TrackedOffer
from domain.prices.history import PriceSummary
from domain.window import BucketWidth, Window

_KNOWN = f"""
    SELECT range_agg(tstzrange(greatest(valid_from, :starts), least(valid_to, :ends))) AS stretches
    FROM ({recorded(":starts", ":ends", ":first_day")}) AS recorded
    WHERE state <> 'unknown' AND valid_from < :ends AND valid_to > :starts
"""
_IN_STOCK = """
    SELECT offer_id, price, valid_from, valid_to FROM offer_interval
    WHERE product_id = ANY(:ids) AND valid_from >= :first_day AND valid_from < :ends AND valid_to > :starts
    UNION ALL
    SELECT id, price, changed_at, coalesce(known_until, 'infinity') FROM offer
    WHERE product_id = ANY(:ids) AND sold_out_at IS NULL AND changed_at < :ends
    AND (known_until IS NULL OR known_until > greatest(changed_at, :starts))
    UNION ALL
    SELECT id, NULL, known_until, 'infinity' FROM offer WHERE product_id = ANY(:ids) AND known_until < :ends
"""
# One statement, so that no observation comes in between; newest first, so that the limit keeps the newest.
_STEPS = """
    SELECT NULL AS offer_id, NULL AS price, lower(stretch) AS valid_from, upper(stretch) AS valid_to
    FROM ({known}) AS known, unnest(stretches) AS stretch
    UNION ALL (
        SELECT offer_id, price, greatest(valid_from, :starts), least(valid_to, :ends) FROM ({in_stock}) AS in_stock
        WHERE {offer} ORDER BY 3 DESC LIMIT :limit
    )
    ORDER BY valid_from
"""
_ALL_STEPS = statement(_STEPS.format(known=_KNOWN, in_stock=_IN_STOCK, offer="TRUE"))
_STEPS_OF_ONE = statement(_STEPS.format(known=_KNOWN, in_stock=_IN_STOCK, offer="offer_id = :offer_id")).bindparams(
    bindparam("offer_id", type_=UuidType)
)
_ONE_OFFER = ONE_OFFER.bindparams(bindparam("offer_id", type_=UuidType))
_OFFER = select(offer).where(
    offer.c.product_id == bindparam("product_id", type_=UuidType), offer.c.id == bindparam("offer_id", type_=UuidType)
)

_HOUR = BucketWidth.HOUR


class SqlAlchemyOfferPriceReader:
    """The prices of one product's offers."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = for_single_statements(engine)

    async def steps(self, product_id: UUID, window: Window, limit: int) -> OfferPrices:
        async with connect(self._engine) as connection:
            await rolled_until(connection, product_id)
            rows = (await connection.execute(_ALL_STEPS, {**within(product_id, window), "limit": limit})).all()
        return await offload(partial(_prices, rows), len(rows))

    async def sums(self, product_id: UUID, bounds: Sequence[datetime], limit: int) -> Mapping[UUID, list[PriceSummary]]:
        async with connect(self._engine) as connection:
            _, rolled = await rolled_up(connection, product_id)
            parameters = _parts(product_id, bounds, rolled) | {"limit": limit}
            rows = (await connection.execute(ALL_OFFERS, parameters)).all()
        return await offload(partial(_summaries, rows, bounds), len(rows))

    async def summary(self, product_id: UUID, offer_id: UUID, window: Window) -> PriceSummary:
        async with connect(self._engine) as connection:
            _, rolled = await rolled_up(connection, product_id)
            parameters = _parts(product_id, (window.start, window.end), rolled) | {"offer_id": offer_id}
            rows = (await connection.execute(_ONE_OFFER, parameters)).all()
        return summary(window, rows[0]) if rows else PriceSummary(window)

    async def life(self, product_id: UUID, offer_id: UUID, window: Window, limit: int) -> OfferLife:
        asked = {**within(product_id, window), "product_id": product_id, "offer_id": offer_id, "limit": limit}
        # One snapshot, so that the offer and its prices come from one observation.
        async with connect(self._engine.execution_options(isolation_level="REPEATABLE READ")) as connection:
            await rolled_until(connection, product_id)
            kept = [TrackedOffer(*of) for _, *of in map(tuple, await connection.execute(_OFFER, asked))]
            rows = (await connection.execute(_STEPS_OF_ONE, asked)).all()
        return OfferLife(kept[0] if kept else None, await offload(partial(_prices, rows), len(rows)))


def _parts(product_id: UUID, bounds: Sequence[datetime], rolled_until: datetime) -> dict[str, Any]:
    """Return the parameters of sums between bounds: of whole hours that are rolled up, and of the intervals around."""
    window = Window(bounds[0], bounds[-1])
    aligned, rolled = _HOUR.ceil(window.start), min(_HOUR.floor(window.end), rolled_until)
    if rolled <= aligned or any(bound != _HOUR.floor(bound) for bound in bounds[1:-1]):
        aligned = rolled = window.end
    times = {"aligned": aligned, "rolled": rolled, "tail_day": BucketWidth.DAY.floor(rolled)}
    return within(product_id, window) | times | {"bounds": bounds}


def _summaries(rows: Sequence[Sequence[Any]], bounds: Sequence[datetime]) -> Mapping[UUID, list[PriceSummary]]:
    found: defaultdict[UUID, list[PriceSummary]] = defaultdict(list)
    for offer_id, place, *sums in rows:
        found[offer_id].append(summary(Window(bounds[place - 1], bounds[place]), sums))
    return found


def _prices(rows: Sequence[Sequence[Any]]) -> OfferPrices:
    known: list[Window] = []
    in_stock: defaultdict[UUID, list[OfferInterval]] = defaultdict(list)
    for offer_id, price, valid_from, valid_to in map(tuple, rows):
        if offer_id is not None:
            in_stock[offer_id].append(OfferInterval(offer_id, price, valid_from, valid_to))
        elif valid_from is not None:
            known.append(Window(valid_from, valid_to))
    return OfferPrices(known, in_stock)
