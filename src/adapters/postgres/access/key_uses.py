"""The last uses of keys, written behind the requests: once a minute at most for each key and process."""

import asyncio
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import Column, Uuid, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.access.rows import ApiKeyRow
from adapters.postgres.bulk import arrays, unnested
from adapters.postgres.connection import connect
from adapters.postgres.rows import Timestamp
from application.clock import Clock
from application.storage import StorageUnavailable

log = structlog.get_logger(__name__)

_COLUMNS = (Column("id", Uuid()), Column("used_at", Timestamp))
_new = unnested(*_COLUMNS)
# Not in the future, if this process's clock is ahead.
_used_at = func.least(_new.c.used_at, func.date_trunc("minute", func.now(), "UTC"))
# Locked in one order, so that two processes never wait for each other.
_later = (
    select(ApiKeyRow.id, _used_at.label("used_at"))
    .join_from(ApiKeyRow, _new, ApiKeyRow.id == _new.c.id)
    .where(func.coalesce(ApiKeyRow.last_used_at < _used_at, True))
    .order_by(ApiKeyRow.id)
    .with_for_update(of=ApiKeyRow)
    .cte("later")
)
_WRITE = (
    update(ApiKeyRow)
    .where(ApiKeyRow.id == _later.c.id)
    .values(last_used_at=_later.c.used_at)
    .execution_options(synchronize_session=False)
)


class SqlAlchemyKeyUses:
    """See `KeyUses`. Uses that cannot be written are kept, and written as soon as the database can be reached.

    There are never more of them than keys in force, because only verified keys are noted.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock, seconds_between_writes: float) -> None:
        self._engine = engine
        self._clock = clock
        self._pause = seconds_between_writes
        self._minute: datetime | None = None
        self._noted: set[UUID] = set()
        self._unwritten: dict[UUID, datetime] = {}
        self._wanted = asyncio.Event()
        self._closing = asyncio.Event()
        self._trouble = False

    def note(self, key_id: UUID) -> None:
        minute = self._clock().replace(second=0, microsecond=0)
        if minute != self._minute:
            self._minute = minute
            self._noted.clear()
        if key_id not in self._noted:
            self._noted.add(key_id)
            self._unwritten[key_id] = minute
            self._wanted.set()

    def close(self) -> None:
        """End `run` after one last attempt to write."""
        self._closing.set()
        self._wanted.set()

    async def run(self) -> None:
        """Write the noted uses until closed."""
        while not self._closing.is_set():
            await self._wanted.wait()
            self._wanted.clear()
            await self._write()
            try:
                async with asyncio.timeout(self._pause):
                    await self._closing.wait()
            except TimeoutError:
                pass
        await self._write()
        if self._unwritten:
            log.warning("last uses of keys lost: the database could not be reached", keys=len(self._unwritten))

    async def _write(self) -> None:
        uses, self._unwritten = self._unwritten, {}
        if not uses:
            return
        try:
            async with connect(self._engine) as connection:
                await connection.execute(_WRITE, arrays(_COLUMNS, list(uses.items())))
                await connection.commit()
        except StorageUnavailable as error:
            self._unwritten = uses | self._unwritten
            self._wanted.set()
            if not self._trouble:
                log.warning("last uses of keys not written yet", reason=str(error))
            self._trouble = True
        except Exception:
            log.exception("last uses of keys not written", keys=len(uses))
        else:
            self._trouble = False
