"""Kept answers on PostgreSQL. Who has a key holds a lock on its digest that ends with the transaction."""

from datetime import timedelta

from sqlalchemy import BigInteger, Interval, LargeBinary, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.connection import Connection
from adapters.postgres.tables import idempotency_key
from application.catalogue.idempotency_keys import KeptAnswer
from domain.errors import IdempotencyInProgress

_TRY_LOCK = select(func.pg_try_advisory_xact_lock(bindparam("lock", type_=BigInteger)))
_KEPT = select(idempotency_key.c.request, idempotency_key.c.answer).where(
    idempotency_key.c.key == bindparam("key", type_=LargeBinary),
    idempotency_key.c.created_at >= func.now() - bindparam("kept", type_=Interval),
)
_KEEP = insert(idempotency_key).values(created_at=func.now())
_KEEP = _KEEP.on_conflict_do_update(
    index_elements=[idempotency_key.c.key],
    set_={name: _KEEP.excluded[name] for name in ("request", "answer", "created_at")},
)


class SqlAlchemyAnswerRepository:
    """Answers as rows of `idempotency_key`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def take(self, key: bytes, kept: timedelta) -> KeptAnswer | None:
        lock = int.from_bytes(key[:8], signed=True)
        if not (await self._connection.execute(_TRY_LOCK, {"lock": lock})).scalar_one():
            raise IdempotencyInProgress
        # A statement of its own: that of the lock may have begun before the last holder's answer could be seen.
        for row in await self._connection.execute(_KEPT, {"key": key, "kept": kept}):
            return KeptAnswer(row.request, row.answer)
        return None

    async def keep(self, key: bytes, answer: KeptAnswer) -> None:
        values = {"key": key, "request": answer.request, "answer": answer.answer}
        await self._connection.execute(_KEEP, values)
