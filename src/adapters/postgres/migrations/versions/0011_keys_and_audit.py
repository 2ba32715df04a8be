"""API keys, and the audit log."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

MONTHS = 5
"""The last one, this one and three more; the upkeep makes the others."""


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
    )
    op.create_index("uq_api_key_digest", "api_key", ["digest"], unique=True)
    op.create_table(
        "audit_record",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=True),
        sa.Column("subject_id", sa.Text(), nullable=True),
        sa.Column("before", JSONB(), nullable=True),
        sa.Column("after", JSONB(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("at", "id", name="pk_audit_record"),
        postgresql_partition_by="RANGE (at)",
    )
    for name in ("actor_id", "action", "subject_id"):
        op.create_index(f"ix_audit_record_{name.removesuffix('_id')}", "audit_record", [name, "at", "id"])
    op.execute("""
        CREATE FUNCTION refuse_change_of_audit_record() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'audit records are never changed or removed; the worker drops whole months';
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER audit_record_not_changed BEFORE UPDATE OR DELETE ON audit_record
        FOR EACH ROW EXECUTE FUNCTION refuse_change_of_audit_record()
    """)
    _refuse_truncate("audit_record")
    now = op.get_bind().execute(sa.text("SELECT now()")).scalar_one()
    first = (now.astimezone(UTC).replace(day=1) - timedelta(days=1)).replace(day=1)
    for _ in range(MONTHS):
        following = (first + timedelta(days=31)).replace(day=1)
        _make_month(first, following)
        first = following


def downgrade() -> None:
    op.drop_table("audit_record")
    op.execute("DROP FUNCTION refuse_change_of_audit_record()")
    op.drop_table("api_key")


def _make_month(first: datetime, following: datetime) -> None:
    partition = f"audit_record_{first:%Y%m%d}"
    op.execute(
        f"CREATE TABLE {partition} PARTITION OF audit_record "
        f"FOR VALUES FROM ('{first:%Y-%m-%d} 00:00+00') TO ('{following:%Y-%m-%d} 00:00+00')"
    )
    _refuse_truncate(partition)


def _refuse_truncate(table: str) -> None:
    op.execute(
        f"CREATE TRIGGER audit_record_not_emptied BEFORE TRUNCATE ON {table} "
        "EXECUTE FUNCTION refuse_change_of_audit_record()"
    )
