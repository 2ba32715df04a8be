"""The row layout. What polling moves lies apart from what people edit, and history is append-only, partitioned by day.

Only synchronisation points at product: it shares the product's life. Offers and history carry no foreign key, because
checking one would lock product rows on every poll, and none may leave the partitions; a purge empties them instead.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR

metadata = MetaData()

# The driver gives and takes aware times, these in UTC.
Timestamp = DateTime(timezone=True)

# One row: the oldest revision whose code still understands this database, see schema.py.
schema_compatibility = Table(
    "schema_compatibility",
    metadata,
    Column("oldest_revision", Text, nullable=False),
)

# One row for each; see application/access/login_limits.py.
login_failure = Table(
    "login_failure",
    metadata,
    Column("address", Text, nullable=False),
    Column("account", LargeBinary, nullable=False),
    Column("failed_at", Timestamp, nullable=False),
    Index("ix_login_failure_address", "address", "failed_at"),
    Index("ix_login_failure_failed_at", "failed_at"),
)

product = Table(
    "product",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    # Folded by domain.text, on write, as are the words: for the order of names and for search, whatever the locale.
    Column("name_folded", Text(collation="C"), nullable=False),
    Column("description_folded", Text(collation="C"), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("registration_state", Text, nullable=False),
    Column("registration_since", Timestamp, nullable=False),
    Column("registration_detail", Text),
    Column("submitted_at", Timestamp),
    Column("withdrawn_at", Timestamp),
    Column("words", TSVECTOR, nullable=False, server_default=text("''::tsvector")),
    PrimaryKeyConstraint("id", name="pk_product"),
    CheckConstraint(
        "registration_state IN ('pending', 'registered', 'rejected', 'conflict')",
        name="ck_product_registration_state",
    ),
    Index("uq_product_name", "name", unique=True, postgresql_where=text("withdrawn_at IS NULL")),
    Index("ix_product_newest", "created_at", "id", postgresql_where=text("withdrawn_at IS NULL")),
    Index("ix_product_name", "name_folded", "id", postgresql_where=text("withdrawn_at IS NULL")),
    Index("ix_product_words", "words", postgresql_using="gin", postgresql_where=text("withdrawn_at IS NULL")),
    # Most products are registered; what is not is looked for by its state.
    Index(
        "ix_product_unregistered",
        *("registration_state", "created_at", "id"),
        postgresql_where=text("withdrawn_at IS NULL AND registration_state <> 'registered'"),
    ),
    Index("ix_product_withdrawn", "withdrawn_at", postgresql_where=text("withdrawn_at IS NOT NULL")),
)

synchronisation = Table(
    "synchronisation",
    metadata,
    Column("product_id", Uuid, nullable=False),
    Column("scheduled_at", Timestamp),
    Column("not_before", Timestamp),
    Column("lease_id", Uuid),
    Column("lease_until", Timestamp),
    Column("last_attempt_at", Timestamp),
    Column("last_success_at", Timestamp),
    Column("consecutive_failures", Integer, nullable=False),
    Column("last_error", Text),
    Column("observed_at", Timestamp),
    Column("known_until", Timestamp),
    Column("best_price", BigInteger),
    Column("best_price_since", Timestamp),
    Column("best_offer_id", Uuid),
    Column("best_offer_items_in_stock", BigInteger),
    Column("offers_in_stock", Integer, nullable=False),
    PrimaryKeyConstraint("product_id", name="pk_synchronisation"),
    ForeignKeyConstraint(["product_id"], ["product.id"], name="fk_synchronisation_product"),
    Index("ix_synchronisation_slot", "scheduled_at", postgresql_where=text("lease_id IS NULL")),
    Index(
        "ix_synchronisation_registration",
        "not_before",
        postgresql_where=text("scheduled_at IS NULL AND lease_id IS NULL"),
    ),
    Index("ix_synchronisation_lease", "lease_until", postgresql_where=text("lease_id IS NOT NULL")),
)

offer = Table(
    "offer",
    metadata,
    Column("product_id", Uuid, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("items_in_stock", BigInteger, nullable=False),
    Column("first_seen_at", Timestamp, nullable=False),
    Column("changed_at", Timestamp, nullable=False),
    Column("sold_out_at", Timestamp),
    PrimaryKeyConstraint("product_id", "id", name="pk_offer"),
    Index("ix_offer_sold_out", "sold_out_at", postgresql_where=text("sold_out_at IS NOT NULL")),
    postgresql_with={"fillfactor": "70"},
)

# History rows are guarded against doubles by the lease under which they are written, so one short index by product is
# all they carry: with millions of rows a day, bytes per row are what counts.
offer_interval = Table(
    "offer_interval",
    metadata,
    Column("product_id", Uuid, nullable=False),
    Column("offer_id", Uuid, nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("valid_from", Timestamp, nullable=False),
    Column("valid_to", Timestamp, nullable=False),
    Index("ix_offer_interval_product", "product_id"),
    postgresql_partition_by="RANGE (valid_from)",
)

best_price_step = Table(
    "best_price_step",
    metadata,
    Column("product_id", Uuid, nullable=False),
    Column("price", BigInteger),
    Column("valid_from", Timestamp, nullable=False),
    Column("valid_to", Timestamp, nullable=False),
    Column("state", Text, nullable=False),
    CheckConstraint("state IN ('in_stock', 'out_of_stock', 'unknown')", name="ck_best_price_step_state"),
    # By time too: with a step a minute, finding the price of one moment would else read the product's whole day.
    Index("ix_best_price_step_product_time", "product_id", "valid_from"),
    postgresql_partition_by="RANGE (valid_from)",
)


def _buckets(width: str, partition_by: str | None = None) -> Table[Any]:
    """Describe buckets of the best price: one row for each that the product's recorded history touches."""
    name = f"best_price_bucket_{width}"
    table: Table[Any] = Table(
        name,
        metadata,
        Column("product_id", Uuid, nullable=False),
        Column("at", Timestamp, nullable=False),
        Column("open", BigInteger),
        # False: unknown at the bucket's begin; null: nothing was recorded yet.
        Column("open_known", Boolean),
        Column("close", BigInteger),
        Column("lowest", BigInteger),
        Column("lowest_at", Timestamp),
        Column("highest", BigInteger),
        Column("highest_at", Timestamp),
        # Price x microseconds is more than 64 bits hold.
        Column("price_time", Numeric, nullable=False),
        Column("in_stock", BigInteger, nullable=False),
        Column("known", BigInteger, nullable=False),
        Index(f"ix_{name}_product", "product_id"),
        postgresql_partition_by=partition_by,
    )
    return table


best_price_bucket_5m = _buckets("5m", "RANGE (at)")
best_price_bucket_1h = _buckets("1h", "RANGE (at)")
best_price_bucket_1d = _buckets("1d")

# Up to when rows of each table of history have been dropped, see dropped_history.py.
history_dropped = Table(
    "history_dropped",
    metadata,
    Column("history", Text, nullable=False),
    Column("until", Timestamp, nullable=False),
    PrimaryKeyConstraint("history", name="pk_history_dropped"),
)

# Answers to requests that may come again, by digests of their keys.
idempotency_key = Table(
    "idempotency_key",
    metadata,
    Column("key", LargeBinary, nullable=False),
    Column("request", LargeBinary, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    PrimaryKeyConstraint("key", name="pk_idempotency_key"),
    Index("ix_idempotency_key_created_at", "created_at"),
)
