"""API keys on PostgreSQL. Whether one is in force is decided by the database's clock."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from advanced_alchemy.filters import LimitOffset
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from adapters.postgres.access.rows import ApiKeyRow, member
from adapters.postgres.connection import open_session
from application.access.actor import Scope
from application.access.api_keys import ApiKey, KeyInForce
from domain.errors import KeyNotFound

_unexpired = or_(ApiKeyRow.expires_at.is_(None), ApiKeyRow.expires_at > func.now())
_IN_FORCE = (ApiKeyRow.revoked_at.is_(None), _unexpired)
_LISTED: Any = select(ApiKeyRow).order_by(
    (ApiKeyRow.revoked_at.is_(None) & _unexpired).desc(), ApiKeyRow.created_at.desc(), ApiKeyRow.id
)
_VERIFIED = select(
    ApiKeyRow.id, ApiKeyRow.name, ApiKeyRow.scopes, (ApiKeyRow.expires_at - func.now()).label("expires_in")
).where(*_IN_FORCE)


class _Rows(SQLAlchemyAsyncRepository[ApiKeyRow]):
    model_type = ApiKeyRow


class SqlAlchemyKeyRepository:
    """See `KeyRepository`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._locked: dict[UUID, ApiKeyRow] = {}

    @cached_property
    def _rows(self) -> _Rows:
        return _Rows(session=self._session, wrap_exceptions=False, auto_refresh=False)

    async def add(self, key: ApiKey, digest: bytes) -> None:
        row = ApiKeyRow(
            id=key.id,
            name=key.name,
            prefix=key.prefix,
            digest=digest,
            scopes=list(key.scopes),
            created_at=key.created_at,
            expires_at=key.expires_at,
        )
        await self._rows.add(row)

    async def get(self, key_id: UUID) -> ApiKey:
        row = await self._rows.get_one_or_none(with_for_update=True, id=key_id)
        if row is None:
            raise KeyNotFound(key_id)
        self._locked[key_id] = row
        return _read(row)

    async def revoke(self, key: ApiKey, at: datetime) -> None:
        self._locked[key.id].revoked_at = at
        await self._session.flush()

    async def count_in_force(self) -> int:
        return await self._rows.count(*_IN_FORCE)


class SqlAlchemyKeyReader:
    """See `KeyReader`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list(self, at_most: int) -> Sequence[ApiKey]:
        async with open_session(self._engine) as session:
            rows = await _Rows(session=session, wrap_exceptions=False, statement=_LISTED).get_many(
                LimitOffset(at_most, 0)
            )
        return [_read(row) for row in rows]

    async def in_force(self, digest: bytes) -> KeyInForce | None:
        async with open_session(self._engine) as session:
            # Columns and no rows of the mapper, because the database's clock decides how long the key is in force.
            found = (await session.execute(_VERIFIED.where(ApiKeyRow.digest == digest))).one_or_none()
        if found is None:
            return None
        return KeyInForce(
            found.id, found.name, frozenset(member(Scope, scope) for scope in found.scopes), found.expires_in
        )


def _read(row: ApiKeyRow) -> ApiKey:
    return ApiKey(
        row.id,
        row.name,
        row.prefix,
        tuple(member(Scope, scope) for scope in row.scopes),
        row.created_at,
        row.expires_at,
        row.last_used_at,
        row.revoked_at,
    )
