"""What is worked out from other rows, so that lists can be sorted by it: each order is an index."""

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, Table, Uuid

from adapters.postgres.tables import Timestamp, metadata

# What the worker derives from a product's history, apart from `synchronisation` so that polling moves no more than it
# must: up to which midnight it is rolled up, and how the best price changed over a day and a week.
insight = Table(
    "insight",
    metadata,
    Column("product_id", Uuid, nullable=False),
    Column("rolled_until", Timestamp, nullable=False),
    Column("change_1d", BigInteger),
    Column("change_7d", BigInteger),
    PrimaryKeyConstraint("product_id", name="pk_insight"),
    Index("ix_insight_rolled_until", "rolled_until"),
    Index("ix_insight_change_1d", "change_1d", "product_id"),
    Index("ix_insight_change_7d", "change_7d", "product_id"),
)

# The best price once more, for lists sorted by it: each index on `synchronisation` is written to at every poll, that on
# this table only when the price moves. Triggers on `synchronisation` keep it, so no writer can forget to.
listed_price = Table(
    "listed_price",
    metadata,
    Column("product_id", Uuid, nullable=False),
    Column("best_price", BigInteger),
    PrimaryKeyConstraint("product_id", name="pk_listed_price"),
    Index("ix_listed_price", "best_price", "product_id"),
)
