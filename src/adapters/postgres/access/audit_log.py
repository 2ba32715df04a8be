"""The audit log on PostgreSQL."""

from collections.abc import Sequence
from typing import Any

import msgspec
from advanced_alchemy.filters import LimitOffset
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy import Column, ColumnElement, Text, func, insert, select, tuple_
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from adapters.postgres.access.rows import AUDIT_RECORD, AuditRecordRow, member
from adapters.postgres.bulk import arrays, unnested
from adapters.postgres.connection import open_session
from application.access.actor import ActorKind
from application.access.audit import Action, AuditEntry, Fields, Subject, SubjectKind
from application.access.audit_records import AuditActor, AuditFilter, AuditPosition, AuditRecord

# The two objects travel as text: the driver has no arrays of objects.
_OBJECTS = ("before", "after")
_TEXTS = (
    *("actor_kind", "actor_id", "actor_name", "action", "subject_kind", "subject_id", *_OBJECTS),
    *("request_id", "address"),
)
_COLUMNS: tuple[Column[Any], ...] = tuple(Column(name, Text()) for name in _TEXTS)
_new = unnested(*_COLUMNS)
# One statement however many records there are; the repository would read each row back.
_APPEND = insert(AUDIT_RECORD).from_select(
    ["at", "id", *_TEXTS],
    select(
        func.now(),
        func.gen_random_uuid(),
        *(sql_cast(each, JSONB) if each.name in _OBJECTS else each for each in _new.c),
    ),
)
_NEWEST_FIRST: Any = select(AuditRecordRow).order_by(AuditRecordRow.at.desc(), AuditRecordRow.id.desc())


class SqlAlchemyAuditLog:
    """See `AuditLog`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def append(self, *entries: AuditEntry) -> None:
        if entries:
            await self._session.execute(_APPEND, arrays(_COLUMNS, [_write(entry) for entry in entries]))


class _Rows(SQLAlchemyAsyncRepository[AuditRecordRow]):
    model_type = AuditRecordRow


class SqlAlchemyAuditReader:
    """See `AuditReader`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(
        self, wanted: AuditFilter, limit: int, after: AuditPosition | None = None
    ) -> tuple[Sequence[AuditRecord], AuditPosition | None]:
        # No text there has a NUL, and none may be sent.
        if "\0" in (wanted.actor or "") + (wanted.subject_id or ""):
            return [], None
        async with open_session(self._engine) as session:
            rows = await _Rows(session=session, wrap_exceptions=False, statement=_NEWEST_FIRST).get_many(
                *_conditions(wanted, after), LimitOffset(limit + 1, 0)
            )
        records = [_read(row) for row in rows[:limit]]
        return records, AuditPosition(records[-1].at, records[-1].id) if len(rows) > limit else None


def _conditions(wanted: AuditFilter, after: AuditPosition | None) -> list[ColumnElement[bool]]:
    row = AuditRecordRow
    given = {row.actor_id: wanted.actor, row.action: wanted.action, row.subject_id: wanted.subject_id}
    conditions = [column == value for column, value in given.items() if value is not None]
    if wanted.since is not None:
        conditions.append(row.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(row.at < wanted.until)
    if after is not None:
        # The first is implied by the second, and leaves out whole months.
        conditions += [row.at <= after.at, tuple_(row.at, row.id) < (after.at, after.id)]
    return conditions


def _write(entry: AuditEntry) -> tuple[str | None, ...]:
    actor, subject = entry.actor, entry.subject
    return (
        actor.kind.value,
        actor.id,
        actor.name,
        entry.action.value,
        None if subject is None else subject.kind.value,
        None if subject is None else subject.id,
        _encode(entry.before),
        _encode(entry.after),
        actor.request_id,
        actor.address,
    )


def _encode(fields: Fields | None) -> str | None:
    return None if fields is None else msgspec.json.encode(fields).decode()


def _read(row: AuditRecordRow) -> AuditRecord:
    return AuditRecord(
        id=row.id,
        at=row.at,
        actor=AuditActor(member(ActorKind, row.actor_kind), row.actor_id, row.actor_name),
        action=member(Action, row.action),
        subject=None
        if row.subject_kind is None or row.subject_id is None
        else Subject(member(SubjectKind, row.subject_kind), row.subject_id),
        before=row.before,
        after=row.after,
        request_id=row.request_id,
        address=row.address,
    )
