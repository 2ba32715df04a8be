"""The base of all mapped rows. Core tables, such as the partitioned history, share its metadata.

The state that polling moves lies apart from the texts that people edit; history is append-only and partitioned by day.
Only `synchronisation` has a foreign key, to `product`, whose life it shares. Offers and history have none: its check
would lock product rows at every poll, and no key may leave the partitions. A purge deletes their rows instead.
"""

from datetime import datetime
from uuid import UUID

from advanced_alchemy.base import CommonTableAttributes, create_registry
from sqlalchemy import Column, DateTime, LargeBinary, Table, Text, Uuid
from sqlalchemy.orm import DeclarativeBase

# The driver returns and takes times with a zone, in UTC.
Timestamp = DateTime(timezone=True)


class Row(CommonTableAttributes, DeclarativeBase):
    """A mapped row."""

    __abstract__ = True
    registry = create_registry({datetime: Timestamp, UUID: Uuid(), str: Text(), bytes: LargeBinary()})


metadata = Row.registry.metadata

# One row: the oldest revision whose code still understands this database, see schema.py.
schema_compatibility = Table("schema_compatibility", metadata, Column("oldest_revision", Text, nullable=False))
