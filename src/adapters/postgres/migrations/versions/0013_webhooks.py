"""Webhooks, the events that wait for another attempt, and the delivery log."""

from datetime import UTC, timedelta

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

DAYS = 33
"""From yesterday on; the worker makes further ones."""


def _time(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("types", ARRAY(sa.Text()), nullable=True),
        sa.Column("product_ids", ARRAY(sa.Uuid()), nullable=True),
        _time("created_at", nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("generation", sa.SmallInteger(), nullable=False),
        sa.Column("transaction", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("previous_secret", sa.LargeBinary(), nullable=True),
        _time("previous_until"),
        sa.Column("failures", sa.Integer(), nullable=False),
        _time("failing_since"),
        _time("not_before"),
        sa.Column("lease_id", sa.Uuid(), nullable=True),
        _time("lease_until"),
        _time("served_at"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook"),
    )
    op.create_table(
        "webhook_waiting",
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        _time("next_attempt_at", nullable=False),
        sa.PrimaryKeyConstraint("webhook_id", "event_id", name="pk_webhook_waiting"),
    )
    op.create_index("ix_webhook_waiting_next_attempt", "webhook_waiting", ["webhook_id", "next_attempt_at"])
    op.create_table(
        "webhook_delivery",
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        _time("at", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        _time("next_attempt_at"),
        sa.PrimaryKeyConstraint("webhook_id", "at", "id", name="pk_webhook_delivery"),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index("ix_webhook_delivery_outcome", "webhook_delivery", ["webhook_id", "outcome", "at", "id"])
    now = op.get_bind().execute(sa.text("SELECT now()")).scalar_one()
    first = now.astimezone(UTC).date() - timedelta(days=1)
    for day in (first + timedelta(days=number) for number in range(DAYS)):
        op.execute(
            f"CREATE TABLE webhook_delivery_{day:%Y%m%d} PARTITION OF webhook_delivery "
            f"FOR VALUES FROM ('{day} 00:00+00') TO ('{day + timedelta(days=1)} 00:00+00')"
        )


def downgrade() -> None:
    op.drop_table("webhook_delivery")
    op.drop_table("webhook_waiting")
    op.drop_table("webhook")
    op.execute("DELETE FROM history_dropped WHERE history = 'deliveries counted from'")
