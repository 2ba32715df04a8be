"""Idempotency keys on PostgreSQL. A lock on the key's digest marks it as taken, and ends with the transaction."""

from datetime import timedelta
from functools import cached_property

import msgspec
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy import BigInteger, Interval, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.catalogue.rows import IdempotencyKeyRow
from application.catalogue.idempotency_keys import KeptAnswer
from domain.errors import IdempotencyInProgress

_TRY_LOCK = select(func.pg_try_advisory_xact_lock(bindparam("lock", type_=BigInteger)))
_KEEP = insert(IdempotencyKeyRow).values(created_at=func.now())
# One statement, because the repository's upsert reads first.
_KEEP = _KEEP.on_conflict_do_update(
    index_elements=[IdempotencyKeyRow.key],
    set_={name: _KEEP.excluded[name] for name in ("request", "answer", "created_at")},
)


class _Answer(msgspec.Struct):
    """The stored form. Rows of earlier releases have further members, which are ignored."""

    body: msgspec.Raw


class _Rows(SQLAlchemyAsyncRepository[IdempotencyKeyRow]):
    model_type = IdempotencyKeyRow


class SqlAlchemyIdempotencyKeyRepository:
    """Answers as rows of `idempotency_key`. The limits of requests bound them, and PostgreSQL compresses long ones."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    @cached_property
    def _rows(self) -> _Rows:
        return _Rows(session=self._session, wrap_exceptions=False)

    async def take(self, key: bytes, kept_for: timedelta) -> KeptAnswer | None:
        lock = int.from_bytes(key[:8], signed=True)
        if not (await self._session.execute(_TRY_LOCK, {"lock": lock})).scalar_one():
            raise IdempotencyInProgress
        # Not in the statement of the lock, which may have begun before the last holder's row could be seen.
        recent = IdempotencyKeyRow.created_at >= func.now() - bindparam(None, kept_for, type_=Interval)
        row = await self._rows.get_one_or_none(recent, key=key)
        if row is None:
            return None
        return KeptAnswer(row.request, bytes(msgspec.json.decode(row.answer, type=_Answer).body))

    async def keep(self, key: bytes, answer: KeptAnswer) -> None:
        stored = msgspec.json.encode(_Answer(msgspec.Raw(answer.answer)))
        await self._session.execute(_KEEP, {"key": key, "request": answer.content, "answer": stored})
