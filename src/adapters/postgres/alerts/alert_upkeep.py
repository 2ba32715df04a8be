"""Upkeep of the recorded transitions of alerts."""

from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.alerts.rows import alert_transition
from adapters.postgres.connection import connect


class SqlAlchemyAlertUpkeep:
    """See `AlertUpkeep`; each step is a transaction of its own."""

    def __init__(self, engine: AsyncEngine, kept: timedelta) -> None:
        self._engine = engine
        self._kept = kept

    async def drop_expired(self, rows: int) -> int:
        recorded_at = alert_transition.c.recorded_at
        expired = (
            select(alert_transition.c.id)
            .where(recorded_at < func.now() - self._kept)
            .order_by(recorded_at)
            .limit(rows)
            .with_for_update(skip_locked=True)
            .cte("expired")
        )
        async with connect(self._engine) as connection:
            dropped = await connection.execute(delete(alert_transition).where(alert_transition.c.id == expired.c.id))
            await connection.commit()
            return dropped.rowcount
