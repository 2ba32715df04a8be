"""The shared access token's row; leases and waiting times are by the database's clock, whatever the hosts' say."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    Executable,
    Integer,
    Interval,
    LargeBinary,
    PrimaryKeyConstraint,
    RowMapping,
    Table,
    Text,
    Uuid,
    and_,
    bindparam,
    func,
    null,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.offers_api.token_store import Access, StoredToken
from adapters.postgres.connection import connect
from adapters.postgres.tables import Timestamp, metadata

access_token = Table(
    "access_token",
    metadata,
    Column("name", Text, nullable=False),
    Column("sealed", LargeBinary),
    Column("issued_at", Timestamp, nullable=False),
    Column("expires_at", Timestamp, nullable=False),
    Column("not_before", Timestamp, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("trouble", Text),
    Column("lease_owner", Uuid),
    Column("lease_until", Timestamp),
    PrimaryKeyConstraint("name", name="pk_access_token"),
)

_now = func.clock_timestamp()
_row = access_token.c
_due_at = _now + bindparam("due_in", type_=Interval)
_leased = and_(_row.lease_owner.is_not(None), _row.lease_until > _now)
_named = _row.name == bindparam("row_name")
_ours = and_(_named, _row.lease_owner == bindparam("owner"))
_read = (
    _row.sealed,
    type_coerce(_now - _row.issued_at, Interval).label("age"),
    type_coerce(_row.expires_at - _now, Interval).label("expires_in"),
    type_coerce(_row.not_before - _now, Interval).label("due_in"),
    func.coalesce(_leased, False).label("leased"),
    _row.failures,
    _row.trouble,
)
_lease = {"lease_owner": bindparam("owner"), "lease_until": _now + bindparam("duration", type_=Interval)}
_no_lease = {"lease_owner": null(), "lease_until": null()}
_no_token = {
    "sealed": null(),
    "failures": bindparam("new_failures"),
    "trouble": bindparam("new_trouble", type_=Text),
    "not_before": _due_at,
}

LOAD = select(*_read).where(_named)
LEASE = (
    insert(access_token)
    .values(name=bindparam("row_name"), issued_at=_now, expires_at=_now, not_before=_now, failures=0, **_lease)
    .on_conflict_do_update(
        index_elements=[_row.name],
        set_=_lease,
        where=and_(_row.not_before <= _now, or_(_row.lease_owner.is_(None), _row.lease_until <= _now)),
    )
    .returning(*_read)
)
KEEP = (
    update(access_token)
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
POSTPONE = update(access_token).where(_ours).values(**_no_token, **_no_lease)
DROP = update(access_token).where(_named, _row.sealed == bindparam("old_sealed")).values(**_no_token)


class SqlAlchemyTokenStore:
    """See `TokenStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def load(self, name: str) -> StoredToken | None:
        return await self._fetch(LOAD, {"row_name": name})

    async def lease(self, name: str, owner: UUID, duration: timedelta) -> StoredToken | None:
        return await self._fetch(LEASE, {"row_name": name, "owner": owner, "duration": duration})

    async def keep(
        self, name: str, owner: UUID, sealed: bytes, *, failures: int, expires_in: timedelta, due_in: timedelta
    ) -> bool:
        row = {"new_sealed": sealed, "new_failures": failures, "expires_in": expires_in, "due_in": due_in}
        return await self._change(KEEP, {"row_name": name, "owner": owner, **row})

    async def postpone(self, name: str, owner: UUID, *, failures: int, trouble: Access, due_in: timedelta) -> bool:
        row = {"new_failures": failures, "new_trouble": trouble.value, "due_in": due_in}
        return await self._change(POSTPONE, {"row_name": name, "owner": owner, **row})

    async def drop(self, name: str, sealed: bytes, *, failures: int, trouble: Access | None, due_in: timedelta) -> bool:
        row = {"new_failures": failures, "new_trouble": trouble and trouble.value, "due_in": due_in}
        return await self._change(DROP, {"row_name": name, "old_sealed": sealed, **row})

    async def _fetch(self, statement: Executable, parameters: Mapping[str, Any]) -> StoredToken | None:
        async with connect(self._engine) as connection:
            row = (await connection.execute(statement, parameters)).mappings().one_or_none()
            await connection.commit()
        return None if row is None else _stored(row)

    async def _change(self, statement: Executable, parameters: Mapping[str, Any]) -> bool:
        async with connect(self._engine) as connection:
            changed = (await connection.execute(statement, parameters)).rowcount > 0
            await connection.commit()
        return changed


def _stored(row: RowMapping) -> StoredToken:
    trouble = row["trouble"]
    return StoredToken(**{**row, "trouble": None if trouble is None else Access(trouble)})
