"""Rows of failed logins, of API keys and of the audit log."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar, cast
from uuid import UUID

from sqlalchemy import ARRAY, Index, Interval, PrimaryKeyConstraint, Table, Text, func, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, column_property, mapped_column

from adapters.postgres.rows import Row


class LoginFailureRow(Row):
    """One failed login, see application/access/login_limits.py."""

    __tablename__ = "login_failure"
    __table_args__ = (
        Index("ix_login_failure_address", "address", "failed_at"),
        Index("ix_login_failure_failed_at", "failed_at"),
    )

    address: Mapped[str] = mapped_column()
    account: Mapped[bytes] = mapped_column()
    failed_at: Mapped[datetime] = mapped_column()

    age: Mapped[timedelta] = column_property(type_coerce(func.clock_timestamp() - failed_at, Interval))

    # The table needs no primary key, the mapper does.
    __mapper_args__ = {"primary_key": [address, account, failed_at]}  # noqa: RUF012 - SQLAlchemy's own form


class ApiKeyRow(Row):
    """An API key: the digest stands for its text, which is stored nowhere."""

    __tablename__ = "api_key"
    __table_args__ = (
        PrimaryKeyConstraint("id", name="pk_api_key"),
        Index("uq_api_key_digest", "digest", unique=True),
    )

    id: Mapped[UUID]
    name: Mapped[str]
    prefix: Mapped[str]
    digest: Mapped[bytes] = mapped_column(deferred=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AuditRecordRow(Row):
    """One write of an admin or a key. A trigger refuses every change, see migrations; months are dropped as a whole."""

    __tablename__ = "audit_record"
    __table_args__ = (
        # The order in which the records are read.
        PrimaryKeyConstraint("at", "id", name="pk_audit_record"),
        Index("ix_audit_record_actor", "actor_id", "at", "id"),
        Index("ix_audit_record_action", "action", "at", "id"),
        Index("ix_audit_record_subject", "subject_id", "at", "id"),
        {"postgresql_partition_by": "RANGE (at)"},
    )

    at: Mapped[datetime]
    id: Mapped[UUID]
    actor_kind: Mapped[str]
    actor_id: Mapped[str]
    actor_name: Mapped[str]
    action: Mapped[str]
    subject_kind: Mapped[str | None]
    subject_id: Mapped[str | None]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    request_id: Mapped[str | None]
    address: Mapped[str | None]


Kind = TypeVar("Kind", bound=StrEnum)


def member(kind: type[Kind], text: str) -> Kind:
    """Return the member that a row names; of a newer release's, which this one has not, the text as it is."""
    return kind(text) if text in kind.__members__.values() else cast("Kind", text)


AUDIT_RECORD = cast("Table[Any]", AuditRecordRow.__table__)
