"""Failed logins, a row each; their ages are by the database's clock, and who adds one removes what is over."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Interval, LargeBinary, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import connect
from application.access.login_limits import LoginFailure

PURGED_AT_ONCE = 100

_RECENT = text("""
    SELECT account, clock_timestamp() - failed_at AS age FROM login_failure
    WHERE address = :address AND failed_at > clock_timestamp() - :within
    ORDER BY failed_at DESC LIMIT :at_most
""").bindparams(bindparam("within", type_=Interval))
_NOTE = text("""
    INSERT INTO login_failure (address, account, failed_at) VALUES (:address, :account, clock_timestamp())
""").bindparams(bindparam("account", type_=LargeBinary))
_PURGE = text("""
    DELETE FROM login_failure WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM login_failure WHERE failed_at < clock_timestamp() - :kept
        ORDER BY failed_at LIMIT :rows FOR UPDATE SKIP LOCKED
    ))
""").bindparams(bindparam("kept", type_=Interval))


class SqlAlchemyLoginFailures:
    """See `LoginFailures`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def recent(self, address: str, within: timedelta, at_most: int) -> Sequence[LoginFailure]:
        async with connect(self._engine) as connection:
            rows = await connection.execute(_RECENT, {"address": address, "within": within, "at_most": at_most})
            return [LoginFailure(row.account, row.age) for row in rows]

    async def note(self, account: bytes, address: str, kept: timedelta) -> None:
        async with connect(self._engine) as connection:
            await connection.execute(_PURGE, {"kept": kept, "rows": PURGED_AT_ONCE})
            await connection.execute(_NOTE, {"address": address, "account": account})
            await connection.commit()
