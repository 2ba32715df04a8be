"""Alembic's environment: migrations run over the connection that `schema.migrate` provides, under its lock."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
