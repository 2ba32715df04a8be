"""Alembic's environment: migrations run over the connection that `schema.migrate` provides, under its lock."""

from alembic import context

from adapters.postgres.access import rows as access_rows  # noqa: F401 - rows and tables enter the metadata
from adapters.postgres.catalogue import rows as catalogue_rows  # noqa: F401
from adapters.postgres.prices import tables  # noqa: F401
from adapters.postgres.rows import metadata
from adapters.postgres.synchronisation import rows as synchronisation_rows  # noqa: F401


def _ours(_object: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:  # noqa: FBT001
    """Ignore tables outside the metadata, such as the partitions that the upkeep makes."""
    return kind != "table" or name in metadata.tables


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_object=_ours,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
