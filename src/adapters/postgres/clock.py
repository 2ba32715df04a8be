"""The database's clock."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import connect

_TIME = select(func.clock_timestamp())


async def database_time(engine: AsyncEngine) -> datetime:
    """Return the time of day by the database.

    Raises:
        StorageUnavailable
    """
    async with connect(engine) as connection:
        time: datetime = (await connection.execute(_TIME)).scalar_one()
    return time
