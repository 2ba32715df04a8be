"""Hourly buckets of single offers' prices, and up to when each product has them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "offer_bucket_1h",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("open", sa.BigInteger(), nullable=True),
        sa.Column("close", sa.BigInteger(), nullable=True),
        sa.Column("lowest", sa.BigInteger(), nullable=True),
        sa.Column("lowest_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("highest", sa.BigInteger(), nullable=True),
        sa.Column("highest_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("price_time", sa.Numeric(), nullable=False),
        sa.Column("in_stock", sa.BigInteger(), nullable=False),
        sa.Column("unknown", sa.BigInteger(), nullable=False),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index("ix_offer_bucket_1h_product_offer", "offer_bucket_1h", ["product_id", "offer_id"], unique=False)
    # The next housekeeping fills it in, and rolls up what was recorded so far, day by day.
    op.add_column("insight", sa.Column("offers_rolled_until", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_insight_offers_rolled_until",
        "insight",
        ["offers_rolled_until"],
        unique=False,
        postgresql_where=sa.text("offers_rolled_until < rolled_until"),
    )


def downgrade() -> None:
    op.drop_index("ix_insight_offers_rolled_until", "insight")
    op.drop_column("insight", "offers_rolled_until")
    op.execute("DELETE FROM history_dropped WHERE history = 'offer_bucket_1h'")
    op.drop_table("offer_bucket_1h")
