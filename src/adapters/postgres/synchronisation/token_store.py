"""The shared access token's row. Leases and waits are by the database's clock alone.

Each change is a compare-and-swap in one statement, so these are Core statements on the mapped row.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy import CursorResult, Executable, Interval, Text, and_, bindparam, func, null, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import connect, open_session
from adapters.postgres.synchronisation.rows import AccessTokenRow
from application.synchronisation.access_token.store import StoredToken, TokenState

_row = AccessTokenRow
_now = func.clock_timestamp()
_due_at = _now + bindparam("due_in", type_=Interval)
_ours = and_(_row.name == bindparam("row_name"), _row.lease_owner == bindparam("owner"))
# Labelled, because RETURNING gives the computed ones no names.
_read = [
    getattr(_row, name).label(name)
    for name in ("sealed", "age", "expires_in", "due_in", "leased", "failures", "trouble")
]
_lease = {
    "lease_owner": bindparam("owner"),
    "lease_until": _now + bindparam("duration", type_=Interval),
    "issued_at": _now,
}
_no_lease = {"lease_owner": null(), "lease_until": null()}
_no_token = {
    "sealed": null(),
    "failures": bindparam("new_failures"),
    "trouble": bindparam("new_trouble", type_=Text),
    "not_before": _due_at,
    "issued_at": _now,
}

LEASE = (
    insert(_row)
    .values(name=bindparam("row_name"), expires_at=_now, not_before=_now, failures=0, **_lease)
    .on_conflict_do_update(
        index_elements=[_row.name],
        set_=_lease,
        where=and_(_row.due_in <= timedelta(0), ~_row.leased),
    )
    .returning(*_read)
)
KEEP = (
    update(_row)
    .where(_ours)
    .values(
        sealed=bindparam("new_sealed"),
        issued_at=_now,
        expires_at=_now + bindparam("expires_in", type_=Interval),
        not_before=_due_at,
        failures=bindparam("new_failures"),
        trouble=null(),
        **_no_lease,
    )
)
POSTPONE = update(_row).where(_ours).values(**_no_token, **_no_lease)
DROP = (
    update(_row).where(_row.name == bindparam("row_name"), _row.sealed == bindparam("old_sealed")).values(**_no_token)
)


class _Rows(SQLAlchemyAsyncRepository[AccessTokenRow]):
    model_type = AccessTokenRow


class SqlAlchemyTokenStore:
    """See `TokenStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def load(self, name: str) -> StoredToken | None:
        async with open_session(self._engine) as session:
            row = await _Rows(session=session, wrap_exceptions=False).get_one_or_none(name=name)
        return None if row is None else _stored(row)

    async def lease(self, name: str, owner: UUID, duration: timedelta) -> StoredToken | None:
        async with connect(self._engine) as connection:
            parameters = {"row_name": name, "owner": owner, "duration": duration}
            row = (await connection.execute(LEASE, parameters)).one_or_none()
            await connection.commit()
        return None if row is None else _stored(row)

    async def keep(
        self, name: str, owner: UUID, sealed: bytes, *, failures: int, expires_in: timedelta, due_in: timedelta
    ) -> bool:
        row = {"new_sealed": sealed, "new_failures": failures, "expires_in": expires_in, "due_in": due_in}
        return await self._change(KEEP, {"row_name": name, "owner": owner, **row})

    async def postpone(self, name: str, owner: UUID, *, failures: int, trouble: TokenState, due_in: timedelta) -> bool:
        row = {"new_failures": failures, "new_trouble": trouble.value, "due_in": due_in}
        return await self._change(POSTPONE, {"row_name": name, "owner": owner, **row})

    async def drop(
        self, name: str, sealed: bytes, *, failures: int, trouble: TokenState | None, due_in: timedelta
    ) -> bool:
        row = {"new_failures": failures, "new_trouble": trouble and trouble.value, "due_in": due_in}
        return await self._change(DROP, {"row_name": name, "old_sealed": sealed, **row})

    async def _change(self, statement: Executable, parameters: Mapping[str, Any]) -> bool:
        async with connect(self._engine) as connection:
            changed: CursorResult[Any] = await connection.execute(statement, parameters)
            await connection.commit()
        return changed.rowcount > 0


def _stored(row: Any) -> StoredToken:
    """Read a mapped row, or the columns that a statement returns."""
    return StoredToken(
        sealed=row.sealed,
        age=row.age,
        expires_in=row.expires_in,
        due_in=row.due_in,
        leased=row.leased,
        failures=row.failures,
        trouble=None if row.trouble is None else TokenState(row.trouble),
    )
