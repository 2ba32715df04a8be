"""The record of dropped history: after a longer retention is set, time that is already dropped is no gap."""

from datetime import datetime

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.connection import connect
from adapters.postgres.prices.tables import (
    best_price_bucket_1h,
    best_price_bucket_5m,
    best_price_step,
    history_dropped,
    offer_interval,
)
from domain.retention import LONG_AGO, Dropped

_IS_THERE = text("SELECT to_regclass(:name) IS NOT NULL").bindparams(name=history_dropped.name)
_NEW = insert(history_dropped).values(history=bindparam("history"), until=bindparam("until"))
_NOTE = _NEW.on_conflict_do_update(
    index_elements=[history_dropped.c.history],
    set_={"until": func.greatest(history_dropped.c.until, _NEW.excluded.until)},
)


async def note_dropped(connection: AsyncConnection, table: str, until: datetime) -> None:
    """Record that a table's rows from before `until` are dropped, or will be in a moment."""
    await connection.execute(_NOTE, {"history": table, "until": until})


async def read_dropped(engine: AsyncEngine) -> Dropped:
    """Return the time up to which each table was dropped; a database that is not migrated yet has dropped nothing.

    Raises:
        StorageUnavailable
    """
    async with connect(engine) as connection:
        if not (await connection.execute(_IS_THERE)).scalar_one():
            return Dropped()
        until = dict(map(tuple, await connection.execute(select(history_dropped.c.history, history_dropped.c.until))))
    return Dropped(
        *(
            until.get(table.name, LONG_AGO)
            for table in (offer_interval, best_price_step, best_price_bucket_5m, best_price_bucket_1h)
        )
    )
