"""The event log, and the last known best price of products whose price is unknown."""

from datetime import UTC, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

DAYS = 33
"""From yesterday on; the worker makes further ones."""
_LAST_KNOWN = ("last_known_price", "last_known_since", "last_known_until")


def upgrade() -> None:
    op.execute("CREATE SEQUENCE event_number")
    op.create_table(
        "event",
        sa.Column("generation", sa.SmallInteger(), nullable=False),
        sa.Column(
            "transaction", sa.BigInteger(), nullable=False, server_default=sa.text("pg_current_xact_id()::text::bigint")
        ),
        sa.Column("number", sa.BigInteger(), nullable=False, server_default=sa.text("nextval('event_number')")),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=True),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        postgresql_partition_by="RANGE (recorded_at)",
    )
    op.create_index("ix_event_position", "event", ["generation", "transaction", "number"])
    op.create_table(
        "event_log",
        sa.Column("generation", sa.SmallInteger(), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=True),
        sa.Column("dropped_generation", sa.SmallInteger(), nullable=False),
        sa.Column("dropped_transaction", sa.BigInteger(), nullable=False),
        sa.Column("dropped_number", sa.BigInteger(), nullable=False),
    )
    op.execute("INSERT INTO event_log VALUES (1, NULL, 0, 0, 0)")
    for name in _LAST_KNOWN:
        kind = sa.BigInteger() if name == "last_known_price" else sa.DateTime(timezone=True)
        op.add_column("synchronisation", sa.Column(name, kind, nullable=True))
    now = op.get_bind().execute(sa.text("SELECT now()")).scalar_one()
    first = now.astimezone(UTC).date() - timedelta(days=1)
    for day in (first + timedelta(days=number) for number in range(DAYS)):
        op.execute(
            f"CREATE TABLE event_{day:%Y%m%d} PARTITION OF event "
            f"FOR VALUES FROM ('{day} 00:00+00') TO ('{day + timedelta(days=1)} 00:00+00')"
        )


def downgrade() -> None:
    for name in _LAST_KNOWN:
        op.drop_column("synchronisation", name)
    op.drop_table("event_log")
    op.drop_table("event")
    op.execute("DROP SEQUENCE event_number")
    op.execute("DELETE FROM history_dropped WHERE history = 'events counted from'")
