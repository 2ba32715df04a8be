"""Tables of the price history: Core tables, because they are partitioned, appended in batches and summed by SQL."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)

from adapters.postgres.rows import Timestamp, metadata

# The lease under which history rows are written excludes duplicates, so one short index by product is enough: with
# millions of rows a day, bytes per row count most.
offer_interval = Table(
    "offer_interval",
    metadata,
    Column("product_id", Uuid, nullable=False),
    Column("offer_id", Uuid, nullable=False),
    # Null: the offer was unknown, although its product was observed.
    Column("price", BigInteger),
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
    CheckConstraint("state IN ('in_stock', 'out_of_stock', 'unknown')", name="state"),
    # By time too: with a step a minute, reading the price of one moment would otherwise read the product's whole day.
    Index("ix_best_price_step_product_time", "product_id", "valid_from"),
    postgresql_partition_by="RANGE (valid_from)",
)


def _buckets(width: str, partition_by: str | None = None) -> Table[Any]:
    """Define buckets of the best price: one row for each bucket that the product's recorded history touches."""
    name = f"best_price_bucket_{width}"
    table: Table[Any] = Table(
        name,
        metadata,
        Column("product_id", Uuid, nullable=False),
        Column("at", Timestamp, nullable=False),
        Column("open", BigInteger),
        # False: the price was unknown at the start; null: nothing was recorded yet.
        Column("open_known", Boolean),
        Column("close", BigInteger),
        Column("lowest", BigInteger),
        Column("lowest_at", Timestamp),
        Column("highest", BigInteger),
        Column("highest_at", Timestamp),
        # Price x microseconds exceeds 64 bits.
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

# One row for each hour in which the offer was in stock, or unknown although its product was known.
offer_bucket_1h = Table(
    "offer_bucket_1h",
    metadata,
    Column("product_id", Uuid, nullable=False),
    Column("offer_id", Uuid, nullable=False),
    Column("at", Timestamp, nullable=False),
    Column("open", BigInteger),
    Column("close", BigInteger),
    Column("lowest", BigInteger),
    Column("lowest_at", Timestamp),
    Column("highest", BigInteger),
    Column("highest_at", Timestamp),
    Column("price_time", Numeric, nullable=False),
    Column("in_stock", BigInteger, nullable=False),
    Column("unknown", BigInteger, nullable=False),
    Index("ix_offer_bucket_1h_product_offer", "product_id", "offer_id"),
    postgresql_partition_by="RANGE (at)",
)

# The time up to which the rows of each history table have been dropped, see dropped_history.py.
history_dropped = Table(
    "history_dropped",
    metadata,
    Column("history", Text, nullable=False),
    Column("until", Timestamp, nullable=False),
    PrimaryKeyConstraint("history", name="pk_history_dropped"),
)

# The worker's derivations from a product's history, apart from `synchronisation` so that polling moves no more than it
# must: the midnights up to which its best price and its offers are rolled up, the changes of the best price over a day
# and a week, as lists sort by them and show them, and the price at which it is at its low.
insight = Table(
    "insight",
    metadata,
    Column("product_id", Uuid, nullable=False),
    Column("rolled_until", Timestamp, nullable=False),
    # A release that does not know the offers' buckets moves `rolled_until` alone.
    Column("offers_rolled_until", Timestamp),
    Column("change_1d", BigInteger),
    Column("change_7d", BigInteger),
    Column("low_7d", BigInteger),
    Column("change_percent_1d", Numeric),
    Column("change_percent_7d", Numeric),
    Column("changes_as_of", Timestamp),
    PrimaryKeyConstraint("product_id", name="pk_insight"),
    Index("ix_insight_rolled_until", "rolled_until"),
    Index(
        "ix_insight_offers_rolled_until",
        "offers_rolled_until",
        postgresql_where=text("offers_rolled_until < rolled_until"),
    ),
    Index("ix_insight_change_1d", "change_1d", "product_id"),
    Index("ix_insight_change_7d", "change_7d", "product_id"),
    postgresql_with={"fillfactor": "70"},
)

PARTITIONED = (offer_interval, offer_bucket_1h, best_price_step, best_price_bucket_5m, best_price_bucket_1h)
