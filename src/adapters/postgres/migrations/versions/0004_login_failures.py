"""Failed logins, which all replicas count together."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "login_failure",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("account", sa.LargeBinary(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_login_failure_address", "login_failure", ["address", "failed_at"], unique=False)
    op.create_index("ix_login_failure_failed_at", "login_failure", ["failed_at"], unique=False)


def downgrade() -> None:
    op.drop_table("login_failure")
