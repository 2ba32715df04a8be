"""What Alembic runs: migrations over the connection that `migrate` hands it, under its lock."""

from alembic import context

from adapters.postgres import derived_tables  # noqa: F401 - it brings tables into the metadata
from adapters.postgres.synchronisation import token_store  # noqa: F401 - as does this
from adapters.postgres.tables import metadata


def _ours(_object: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:  # noqa: FBT001
    """Leave the daily partitions to the row keeper."""
    return kind != "table" or name in metadata.tables


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_object=_ours,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
