"""Rows of the catalogue."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    func,
    text,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from adapters.postgres.rows import Row, metadata

_LIVING = text("withdrawn_at IS NULL")


class WordVector(TypeDecorator[str]):
    """A text vector, written from words that blanks separate.

    The words are stored as they are: PostgreSQL's own parser would find other words in the text.
    """

    impl = TSVECTOR
    cache_ok = True

    def bind_expression(self, bindvalue: Any) -> ColumnElement[Any]:
        return func.array_to_tsvector(func.string_to_array(type_coerce(bindvalue, Text), " "))


class ProductRow(Row):
    """A product. A withdrawn one keeps its row, and so its id, until it is purged."""

    __tablename__ = "product"
    __table_args__ = (
        PrimaryKeyConstraint("id", name="pk_product"),
        CheckConstraint(
            "registration_state IN ('pending', 'registered', 'rejected', 'conflict')", name="registration_state"
        ),
        Index("uq_product_name", "name", unique=True, postgresql_where=_LIVING),
        Index("ix_product_newest", "created_at", "id", postgresql_where=_LIVING),
        Index("ix_product_name", "name_folded", "id", postgresql_where=_LIVING),
        # The words of new products wait in a list, 256 kB at most, because every search reads all of it.
        Index(
            "ix_product_words",
            "words",
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 256},
            postgresql_where=_LIVING,
        ),
        # Most products are registered; the others are looked up by their state.
        Index(
            "ix_product_unregistered",
            *("registration_state", "created_at", "id"),
            postgresql_where=text("withdrawn_at IS NULL AND registration_state <> 'registered'"),
        ),
        Index("ix_product_withdrawn", "withdrawn_at", postgresql_where=text("withdrawn_at IS NOT NULL")),
    )

    id: Mapped[UUID]
    name: Mapped[str]
    description: Mapped[str]
    # Folded on write by domain.text, as are the words: search and order depend on no locale. An index row holds 2 704
    # bytes, so SORTED_LENGTH characters of up to four bytes always fit.
    name_folded: Mapped[str] = mapped_column(Text(collation="C"))
    description_folded: Mapped[str] = mapped_column(Text(collation="C"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    revision: Mapped[int]
    registration_state: Mapped[str]
    registration_since: Mapped[datetime]
    registration_detail: Mapped[str | None]
    submitted_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    words: Mapped[str] = mapped_column(WordVector, server_default=text("''::tsvector"), deferred=True)


class IdempotencyKeyRow(Row):
    """The answer to a request, under a digest of its key."""

    __tablename__ = "idempotency_key"
    __table_args__ = (
        PrimaryKeyConstraint("key", name="pk_idempotency_key"),
        Index("ix_idempotency_key_created_at", "created_at"),
    )

    key: Mapped[bytes]
    request: Mapped[bytes]
    answer: Mapped[bytes]
    created_at: Mapped[datetime]


product = cast("Table[Any]", ProductRow.__table__)

# The best price again, for lists sorted by it: every poll writes to each index of `synchronisation`, but to the index
# of this table only when the price moves. Triggers on `synchronisation` keep it, so no writer can forget to.
listed_price = Table(
    "listed_price",
    metadata,
    Column("product_id", Uuid, nullable=False),
    Column("best_price", BigInteger),
    PrimaryKeyConstraint("product_id", name="pk_listed_price"),
    Index("ix_listed_price", "best_price", "product_id"),
)
