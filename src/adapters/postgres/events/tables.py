"""Tables of the event log: Core tables, because events are appended in batches and partitioned by day."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, SmallInteger, Table, Text, Uuid, text

from adapters.postgres.rows import Timestamp, metadata

event: "Table[Any]" = Table(
    "event",
    metadata,
    Column("generation", SmallInteger, nullable=False),
    # The full transaction id (xid8), which a 64-bit integer holds.
    Column("transaction", BigInteger, nullable=False, server_default=text("pg_current_xact_id()::text::bigint")),
    Column("number", BigInteger, nullable=False, server_default=text("nextval('event_number')")),
    Column("recorded_at", Timestamp, nullable=False, server_default=text("now()")),
    Column("type", Text, nullable=False),
    Column("subject", Uuid),
    Column("time", Timestamp, nullable=False),
    # As it was written: readers hand it on without a look.
    Column("data", JSON, nullable=False),
    Index("ix_event_position", "generation", "transaction", "number"),
    postgresql_partition_by="RANGE (recorded_at)",
)

# One row. Transaction ids of another cluster do not compare with this one's, so each cluster is a generation of its
# own. The position of the last dropped event is where the log begins.
event_log: "Table[Any]" = Table(
    "event_log",
    metadata,
    Column("generation", SmallInteger, nullable=False),
    Column("cluster", Text),
    Column("dropped_generation", SmallInteger, nullable=False),
    Column("dropped_transaction", BigInteger, nullable=False),
    Column("dropped_number", BigInteger, nullable=False),
)
