"""The price at which each product is at its low."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("insight", sa.Column("low_7d", sa.BigInteger()))


def downgrade() -> None:
    op.drop_column("insight", "low_7d")
