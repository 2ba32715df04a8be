"""Rows of webhooks. Waiting events and the delivery log are Core tables, because they are written in batches."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.orm import Mapped, mapped_column

from adapters.postgres.rows import Row, Timestamp, metadata


class WebhookRow(Row):
    """A webhook, its position in the event log, and the lease of the worker that serves it."""

    __tablename__ = "webhook"
    __table_args__ = (PrimaryKeyConstraint("id", name="pk_webhook"),)

    id: Mapped[UUID]
    url: Mapped[str]
    description: Mapped[str]
    types: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    product_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    created_at: Mapped[datetime]
    secret: Mapped[bytes]
    generation: Mapped[int] = mapped_column(SmallInteger)
    transaction: Mapped[int] = mapped_column(BigInteger)
    number: Mapped[int] = mapped_column(BigInteger)
    enabled: Mapped[bool]
    disabled_reason: Mapped[str | None]
    previous_secret: Mapped[bytes | None]
    previous_until: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(Integer)
    failing_since: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    lease_id: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    served_at: Mapped[datetime | None]


webhook_waiting: "Table[Any]" = Table(
    "webhook_waiting",
    metadata,
    Column("webhook_id", Uuid, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    # As it is sent: the event's day may be dropped from the log before its last attempt.
    Column("body", LargeBinary, nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Column("next_attempt_at", Timestamp, nullable=False),
    PrimaryKeyConstraint("webhook_id", "event_id", name="pk_webhook_waiting"),
    Index("ix_webhook_waiting_next_attempt", "webhook_id", "next_attempt_at"),
)

webhook_delivery: "Table[Any]" = Table(
    "webhook_delivery",
    metadata,
    Column("webhook_id", Uuid, nullable=False),
    Column("at", Timestamp, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("status", SmallInteger),
    Column("error", Text),
    Column("answer", Text, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("next_attempt_at", Timestamp),
    # The order in which a webhook's attempts are read.
    PrimaryKeyConstraint("webhook_id", "at", "id", name="pk_webhook_delivery"),
    Index("ix_webhook_delivery_outcome", "webhook_id", "outcome", "at", "id"),
    postgresql_partition_by="RANGE (at)",
)
