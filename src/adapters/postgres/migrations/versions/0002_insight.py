"""Buckets of the best price, and what is derived from history for each product."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_best_price_step_product_time", "best_price_step", ["product_id", "valid_from"], unique=False)
    op.drop_index("ix_best_price_step_product", "best_price_step")
    for width, partitioned in (("5m", True), ("1h", True), ("1d", False)):
        name = f"best_price_bucket_{width}"
        op.create_table(
            name,
            sa.Column("product_id", sa.Uuid(), nullable=False),
            sa.Column("at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("open", sa.BigInteger(), nullable=True),
            sa.Column("open_known", sa.Boolean(), nullable=True),
            sa.Column("close", sa.BigInteger(), nullable=True),
            sa.Column("lowest", sa.BigInteger(), nullable=True),
            sa.Column("lowest_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("highest", sa.BigInteger(), nullable=True),
            sa.Column("highest_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("price_time", sa.Numeric(), nullable=False),
            sa.Column("in_stock", sa.BigInteger(), nullable=False),
            sa.Column("known", sa.BigInteger(), nullable=False),
            postgresql_partition_by="RANGE (at)" if partitioned else None,
        )
        op.create_index(f"ix_{name}_product", name, ["product_id"], unique=False)
    op.create_table(
        "history_dropped",
        sa.Column("history", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("history", name="pk_history_dropped"),
    )
    op.create_table(
        "insight",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("rolled_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("change_1d", sa.BigInteger(), nullable=True),
        sa.Column("change_7d", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("product_id", name="pk_insight"),
    )
    op.create_index("ix_insight_rolled_until", "insight", ["rolled_until"], unique=False)
    op.create_index("ix_insight_change_1d", "insight", ["change_1d", "product_id"], unique=False)
    op.create_index("ix_insight_change_7d", "insight", ["change_7d", "product_id"], unique=False)
    # What was recorded so far is rolled up by the worker, day by day.
    op.execute("""
        INSERT INTO insight (product_id, rolled_until)
        SELECT id, date_trunc('day', created_at, 'UTC') - INTERVAL '1 day' FROM product WHERE withdrawn_at IS NULL
    """)


def downgrade() -> None:
    op.drop_table("insight")
    op.drop_table("history_dropped")
    for width in ("5m", "1h", "1d"):
        op.drop_table(f"best_price_bucket_{width}")
    op.create_index("ix_best_price_step_product", "best_price_step", ["product_id"], unique=False)
    op.drop_index("ix_best_price_step_product_time", "best_price_step")
