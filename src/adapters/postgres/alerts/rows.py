"""Rows of alerts, of their states by product, and of their transitions."""

from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    Interval,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from adapters.postgres.rows import Row, Timestamp, metadata
from domain.alerts.alert import Rule
from domain.alerts.condition import Condition, ConditionKind, PriceExtreme, PriceMove, PriceThreshold, Stock

_CLASSES: dict[ConditionKind, type[Condition]] = {
    ConditionKind.PRICE_BELOW: PriceThreshold,
    ConditionKind.PRICE_ABOVE: PriceThreshold,
    ConditionKind.DROP: PriceMove,
    ConditionKind.RISE: PriceMove,
    ConditionKind.NEW_LOW: PriceExtreme,
    ConditionKind.NEW_HIGH: PriceExtreme,
    ConditionKind.OUT_OF_STOCK: Stock,
    ConditionKind.IN_STOCK: Stock,
}


class AlertRow(Row):
    """An alert. A removed one is disabled and stays until it has no states."""

    __tablename__ = "alert"
    __table_args__ = (
        PrimaryKeyConstraint("id", name="pk_alert"),
        Index("ix_alert_for_all", "id", postgresql_where=text("for_all AND enabled")),
    )

    id: Mapped[UUID]
    name: Mapped[str]
    for_all: Mapped[bool]
    condition: Mapped[dict[str, Any]] = mapped_column(JSONB)
    hold: Mapped[timedelta] = mapped_column(Interval)
    cooldown: Mapped[timedelta] = mapped_column(Interval)
    since: Mapped[datetime]
    enabled: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    revision: Mapped[int] = mapped_column(BigInteger)
    removed_at: Mapped[datetime | None]


alert = cast("Table[Any]", AlertRow.__table__)

# By product first, for the look-up of every observation.
alert_product = Table(
    "alert_product",
    metadata,
    Column("product_id", Uuid, nullable=False),
    Column("alert_id", Uuid, nullable=False),
    PrimaryKeyConstraint("product_id", "alert_id", name="pk_alert_product"),
    Index("ix_alert_product_alert", "alert_id"),
)

alert_state = Table(
    "alert_state",
    metadata,
    Column("product_id", Uuid, nullable=False),
    Column("alert_id", Uuid, nullable=False),
    Column("phase", Text, nullable=False),
    Column("since", Timestamp),
    Column("due", Timestamp),
    Column("quiet_until", Timestamp),
    Column("suppressed", Boolean, nullable=False),
    PrimaryKeyConstraint("product_id", "alert_id", name="pk_alert_state"),
    Index("ix_alert_state_alert", "alert_id", "phase"),
)

alert_transition = Table(
    "alert_transition",
    metadata,
    Column("id", BigInteger, Identity(), nullable=False),
    Column("alert_id", Uuid, nullable=False),
    Column("product_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", Timestamp, nullable=False),
    Column("since", Timestamp, nullable=False),
    Column("value", Numeric),
    Column("threshold", Numeric),
    Column("suppressed", Boolean, nullable=False),
    Column("reason", Text),
    Column("recorded_at", Timestamp, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("id", name="pk_alert_transition"),
    Index("ix_alert_transition_alert", "alert_id", "id"),
    Index("ix_alert_transition_recorded_at", "recorded_at"),
)


def write_condition(when: Condition) -> dict[str, Any]:
    """Return the stored form of a condition."""
    stored: dict[str, Any] = msgspec.to_builtins(when)
    return stored


def read_rule(condition: dict[str, Any], hold: timedelta, cooldown: timedelta, since: datetime) -> Rule:
    """Return the stored rule."""
    when: Condition = msgspec.convert(condition, type=_CLASSES[ConditionKind(condition["kind"])])
    return Rule(when, hold, cooldown, since)
