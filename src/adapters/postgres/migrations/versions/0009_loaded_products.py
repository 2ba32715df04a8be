"""Products that were added together, whose registrations take turns with those of others."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_WAITING = "scheduled_at IS NULL AND lease_id IS NULL"


def upgrade() -> None:
    op.add_column("synchronisation", sa.Column("loaded", sa.Boolean(), server_default=sa.false(), nullable=False))
    for name, which in (("alone", "NOT loaded"), ("loaded", "loaded")):
        op.create_index(
            f"ix_synchronisation_{name}",
            "synchronisation",
            ["not_before"],
            postgresql_where=sa.text(f"{_WAITING} AND {which}"),
        )
    op.drop_index("ix_synchronisation_registration", "synchronisation")


def downgrade() -> None:
    op.create_index(
        "ix_synchronisation_registration", "synchronisation", ["not_before"], postgresql_where=sa.text(_WAITING)
    )
    for name in ("loaded", "alone"):
        op.drop_index(f"ix_synchronisation_{name}", "synchronisation")
    op.drop_column("synchronisation", "loaded")
