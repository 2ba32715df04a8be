"""Offers that observations do not confirm, refused rows by product, and what lists show of price changes."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("offer", sa.Column("known_until", sa.DateTime(timezone=True), nullable=True))
    op.alter_column("offer_interval", "price", existing_type=sa.BigInteger(), nullable=True)
    op.add_column("synchronisation", sa.Column("refused_rows", sa.Integer(), server_default="0", nullable=False))
    for period in ("1d", "7d"):
        op.add_column("insight", sa.Column(f"change_percent_{period}", sa.Numeric(), nullable=True))
    op.add_column("insight", sa.Column("changes_as_of", sa.DateTime(timezone=True), nullable=True))
    # The time of the changes is written to every row every few minutes.
    op.execute("ALTER TABLE insight SET (fillfactor = 70)")


def downgrade() -> None:
    op.execute("ALTER TABLE insight RESET (fillfactor)")
    for column in ("changes_as_of", "change_percent_7d", "change_percent_1d"):
        op.drop_column("insight", column)
    op.drop_column("synchronisation", "refused_rows")
    op.execute("DELETE FROM offer_interval WHERE price IS NULL")
    op.alter_column("offer_interval", "price", existing_type=sa.BigInteger(), nullable=False)
    op.drop_column("offer", "known_until")
