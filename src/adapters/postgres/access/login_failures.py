"""Failed logins, a row each. Their ages are by the database's clock, and each new one removes some expired ones."""

from collections.abc import Sequence
from datetime import timedelta

from advanced_alchemy.filters import LimitOffset, OrderBy
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy import Interval, bindparam, func, insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.access.rows import LoginFailureRow
from adapters.postgres.connection import open_session
from application.access.login_limits import LoginFailure

PURGED_AT_ONCE = 100

# The rows have no key: none to delete them by, and none that the mapper could read back.
_NOTE = insert(LoginFailureRow).values(failed_at=func.clock_timestamp())
_PURGE = text("""
    DELETE FROM login_failure WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM login_failure WHERE failed_at < clock_timestamp() - :kept
        ORDER BY failed_at LIMIT :rows FOR UPDATE SKIP LOCKED
    ))
""").bindparams(bindparam("kept", type_=Interval))


class _Rows(SQLAlchemyAsyncRepository[LoginFailureRow]):
    model_type = LoginFailureRow


class SqlAlchemyLoginFailures:
    """See `LoginFailures`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def recent(self, address: str, within: timedelta, at_most: int) -> Sequence[LoginFailure]:
        now = func.clock_timestamp()
        since = now - bindparam(None, within, type_=Interval)
        async with open_session(self._engine) as session:
            rows = await _Rows(session=session, wrap_exceptions=False).get_many(
                LoginFailureRow.failed_at > since,
                # Not those noted while the clock was ahead: they would count until it is there again.
                LoginFailureRow.failed_at <= now,
                OrderBy("failed_at", "desc"),
                LimitOffset(at_most, 0),
                address=address,
            )
        return [LoginFailure(row.account, row.age) for row in rows]

    async def note(self, account: bytes, address: str, kept: timedelta) -> None:
        async with open_session(self._engine) as session:
            await session.execute(_PURGE, {"kept": kept, "rows": PURGED_AT_ONCE})
            await session.execute(_NOTE, {"address": address, "account": account})
            await session.commit()
