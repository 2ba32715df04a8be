"""The catalogue, its synchronisation, offers and their history."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    # SAQ makes and migrates its own tables; in a schema of their own ours and its never meet.
    op.execute("CREATE SCHEMA saq")
    compatibility = op.create_table(
        "schema_compatibility",
        sa.Column("oldest_revision", sa.Text(), nullable=False),
    )
    op.bulk_insert(compatibility, [{"oldest_revision": "0001"}])
    op.create_table(
        "access_token",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("lease_owner", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_access_token"),
    )
    op.create_table(
        "best_price_step",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('in_stock', 'out_of_stock', 'unknown')", name="ck_best_price_step_state"),
        postgresql_partition_by="RANGE (valid_from)",
    )
    op.create_index("ix_best_price_step_product", "best_price_step", ["product_id"], unique=False)
    op.create_table(
        "offer",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("items_in_stock", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sold_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("product_id", "id", name="pk_offer"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(
        "ix_offer_sold_out", "offer", ["sold_out_at"], unique=False, postgresql_where=sa.text("sold_out_at IS NOT NULL")
    )
    op.create_table(
        "offer_interval",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        postgresql_partition_by="RANGE (valid_from)",
    )
    op.create_index("ix_offer_interval_product", "offer_interval", ["product_id"], unique=False)
    op.create_table(
        "product",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("name_folded", sa.Text(collation="C"), nullable=False),
        sa.Column("description_folded", sa.Text(collation="C"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("registration_state", sa.Text(), nullable=False),
        sa.Column("registration_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registration_detail", sa.Text(), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "registration_state IN ('pending', 'registered', 'rejected', 'conflict')",
            name="ck_product_registration_state",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_product"),
    )
    op.create_index(
        "ix_product_newest",
        "product",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_index(
        "ix_product_withdrawn",
        "product",
        ["withdrawn_at"],
        unique=False,
        postgresql_where=sa.text("withdrawn_at IS NOT NULL"),
    )
    op.create_index(
        "uq_product_name", "product", ["name"], unique=True, postgresql_where=sa.text("withdrawn_at IS NULL")
    )
    op.create_table(
        "synchronisation",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("scheduled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_id", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_success_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("consecutive_failures", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("known_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("best_price", sa.BigInteger(), nullable=True),
        sa.Column("best_price_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("best_offer_id", sa.Uuid(), nullable=True),
        sa.Column("best_offer_items_in_stock", sa.BigInteger(), nullable=True),
        sa.Column("offers_in_stock", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name="fk_synchronisation_product"),
        sa.PrimaryKeyConstraint("product_id", name="pk_synchronisation"),
    )
    op.create_index(
        "ix_synchronisation_lease",
        "synchronisation",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("lease_id IS NOT NULL"),
    )
    op.create_index(
        "ix_synchronisation_registration",
        "synchronisation",
        ["not_before"],
        unique=False,
        postgresql_where=sa.text("scheduled_at IS NULL AND lease_id IS NULL"),
    )
    op.create_index(
        "ix_synchronisation_slot",
        "synchronisation",
        ["scheduled_at"],
        unique=False,
        postgresql_where=sa.text("lease_id IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("synchronisation")
    op.drop_table("product")
    op.drop_table("offer_interval")
    op.drop_table("offer")
    op.drop_table("best_price_step")
    op.drop_table("access_token")
    op.drop_table("schema_compatibility")
    op.execute("DROP SCHEMA saq CASCADE")
