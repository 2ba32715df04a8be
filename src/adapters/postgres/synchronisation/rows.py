"""Rows of the synchronisation: schedule, leases, current offers and the shared access token."""

from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Interval,
    PrimaryKeyConstraint,
    Table,
    Uuid,
    and_,
    case,
    func,
    text,
    type_coerce,
)
from sqlalchemy.orm import Mapped, column_property, mapped_column

from adapters.postgres.rows import Row, Timestamp, metadata
from application.clock_watch import TOLERANCE

_NOW = func.clock_timestamp()


class SynchronisationRow(Row):
    """The state that every attempt moves. Withdrawing a product deletes its row, so no claim finds it."""

    __tablename__ = "synchronisation"
    __table_args__ = (
        PrimaryKeyConstraint("product_id", name="pk_synchronisation"),
        ForeignKeyConstraint(["product_id"], ["product.id"], name="fk_synchronisation_product"),
        Index("ix_synchronisation_slot", "scheduled_at", postgresql_where=text("lease_id IS NULL")),
        # An index for each kind, so that a claim finds the few of one kind behind very many of the other.
        Index(
            "ix_synchronisation_alone",
            "not_before",
            postgresql_where=text("scheduled_at IS NULL AND lease_id IS NULL AND NOT loaded"),
        ),
        Index(
            "ix_synchronisation_loaded",
            "not_before",
            postgresql_where=text("scheduled_at IS NULL AND lease_id IS NULL AND loaded"),
        ),
        Index("ix_synchronisation_lease", "lease_until", postgresql_where=text("lease_id IS NOT NULL")),
    )

    product_id: Mapped[UUID]
    scheduled_at: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    lease_id: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    last_attempt_at: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]
    consecutive_failures: Mapped[int]
    last_error: Mapped[str | None]
    observed_at: Mapped[datetime | None]
    known_until: Mapped[datetime | None]
    best_price: Mapped[int | None] = mapped_column(BigInteger)
    best_price_since: Mapped[datetime | None]
    best_offer_id: Mapped[UUID | None]
    best_offer_items_in_stock: Mapped[int | None] = mapped_column(BigInteger)
    offers_in_stock: Mapped[int]
    refused_rows: Mapped[int] = mapped_column(server_default="0")
    # Set while the last observation shows nothing for sure.
    last_known_price: Mapped[int | None] = mapped_column(BigInteger)
    last_known_since: Mapped[datetime | None]
    last_known_until: Mapped[datetime | None]
    # Whether the product was added together with others. It never changes.
    loaded: Mapped[bool] = mapped_column(server_default=text("false"))


class AccessTokenRow(Row):
    """The access token that all processes share; its durations are by the database's clock at the time of the read.

    `issued_at` is the time of the last change. If that lies ahead, the clock was set back: a waiting renewal is
    due, and a lease is over. A token stays usable until upstream refuses it.
    """

    __tablename__ = "access_token"
    __table_args__ = (PrimaryKeyConstraint("name", name="pk_access_token"),)

    name: Mapped[str]
    sealed: Mapped[bytes | None]
    issued_at: Mapped[datetime] = mapped_column()
    expires_at: Mapped[datetime] = mapped_column()
    not_before: Mapped[datetime] = mapped_column()
    failures: Mapped[int]
    trouble: Mapped[str | None]
    lease_owner: Mapped[UUID | None] = mapped_column()
    lease_until: Mapped[datetime | None] = mapped_column()

    age: Mapped[timedelta] = column_property(type_coerce(_NOW - issued_at, Interval))
    expires_in: Mapped[timedelta] = column_property(type_coerce(expires_at - _NOW, Interval))
    due_in: Mapped[timedelta] = column_property(
        type_coerce(case((issued_at > _NOW + TOLERANCE, timedelta(0)), else_=not_before - _NOW), Interval)
    )
    leased: Mapped[bool] = column_property(
        func.coalesce(and_(lease_owner.is_not(None), lease_until > _NOW, issued_at <= _NOW + TOLERANCE), False)
    )


synchronisation = cast("Table[Any]", SynchronisationRow.__table__)

# Every poll of a product compares its offers: they are read and written in batches, by Core statements.
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
    Column("known_until", Timestamp),
    PrimaryKeyConstraint("product_id", "id", name="pk_offer"),
    Index("ix_offer_sold_out", "sold_out_at", postgresql_where=text("sold_out_at IS NOT NULL")),
    postgresql_with={"fillfactor": "70"},
)
