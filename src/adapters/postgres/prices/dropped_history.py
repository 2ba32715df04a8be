"""The record of dropped history: after a longer retention is set, time that is already dropped is no gap."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from adapters.postgres.connection import fetch
from adapters.postgres.driver_query import DriverQuery
from adapters.postgres.prices.tables import (
    best_price_bucket_1h,
    best_price_bucket_5m,
    best_price_step,
    history_dropped,
    offer_bucket_1h,
    offer_interval,
)
from domain.prices.retention import LONG_AGO, Dropped, Retention

_DROPPED = select(history_dropped.c.history, history_dropped.c.until)
_DROPPED_QUERY = DriverQuery.of(_DROPPED)
_NEW = insert(history_dropped).values(history=bindparam("history"), until=bindparam("until"))
_NOTE = _NEW.on_conflict_do_update(
    index_elements=[history_dropped.c.history],
    set_={"until": func.greatest(history_dropped.c.until, _NEW.excluded.until)},
)
_COUNTED_FROM = "counted from"
_STEP = timedelta(days=1)
_today = func.date_trunc("day", func.now(), "UTC")
_FORGET_FUTURE = update(history_dropped).where(history_dropped.c.until > _today).values(until=_today)


async def note_dropped(connection: AsyncConnection, table: str, until: datetime) -> None:
    """Record that a table's rows from before `until` are dropped, or will be in a moment."""
    await connection.execute(_NOTE, {"history": table, "until": until})


async def counted_from(connection: AsyncConnection, newest: datetime, kind: str = _COUNTED_FROM) -> datetime:
    """Return the time from which retention is counted back: that of the newest observation, reached in steps of a day.

    Each run of the housekeeping makes one step at most. So a clock that all share and that is far ahead for a while,
    observations included, costs as many days as there were runs. After a long stop, too, history is dropped day by day.
    """
    last = (await connection.execute(_DROPPED.where(history_dropped.c.history == kind))).one_or_none()
    now = newest if last is None else min(newest, last.until + _STEP)
    await note_dropped(connection, kind, now)
    return now


async def forget_future_drops(connection: AsyncConnection) -> None:
    """Take back what was recorded while the clock was ahead: from today on there is room for history, or soon will be.

    The days before today stay recorded as dropped, because it is unknown which of them are.
    """
    await connection.execute(_FORGET_FUTURE)


async def read_dropped(connection: AsyncConnection | AsyncSession) -> Dropped:
    """Return the time up to which each table was dropped."""
    return _dropped((await connection.execute(_DROPPED)).all())


def _dropped(rows: Iterable[Any]) -> Dropped:
    until: Mapping[str, datetime] = dict(map(tuple, rows))
    offers, hours_of_offers, *best_price = (
        until.get(table.name, LONG_AGO)
        for table in (offer_interval, offer_bucket_1h, best_price_step, best_price_bucket_5m, best_price_bucket_1h)
    )
    return Dropped(max(offers, hours_of_offers), *best_price)


@dataclass(frozen=True, slots=True)
class SqlAlchemyRetentionReader:
    """See `RetentionReader`. The driver executes the statement, because every answer with prices begins with it."""

    engine: AsyncEngine
    retention: Retention

    async def __call__(self) -> Retention:
        rows = await fetch(self.engine, _DROPPED_QUERY.sql, ())
        return replace(self.retention, dropped=_dropped(rows))
