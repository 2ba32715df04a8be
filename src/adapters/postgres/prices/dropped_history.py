"""What was dropped of history, so that keeping more from now on does not make a gap of what is gone already."""

from datetime import datetime

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import Connection, connect
from adapters.postgres.tables import (
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


async def note_dropped(connection: Connection, table: str, until: datetime) -> None:
    """Note that a table's rows from before a time are gone, or will be in a moment."""
    await connection.execute(_NOTE, {"history": table, "until": until})


async def read_dropped(engine: AsyncEngine) -> Dropped:
    """Return up to when each table was dropped; of a database that is still to be migrated nothing was.

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
