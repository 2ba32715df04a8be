"""The one place where the driver's errors become those of the ports."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy import event
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from application.bounded_queue import QueueFull
from application.storage import StorageUnavailable
from domain.errors import ProductAlreadyExists

REFUSED_BY_CONSTRAINT = {
    "pk_product": "id",
    "pk_insight": "id",
    "pk_synchronisation": "id",
    "uq_product_name": "name",
}
"""The field that another product has already when this constraint is violated."""

UNAVAILABLE_SQLSTATES = ("08", "25006", "25P03", "28", "3D000", "40", "42501", "53", "55P03", "57")
"""Lost connections, read-only, idle too long, refused user, missing database, rollback by conflict, missing right, no
resources, lock time-out, operator and time limits."""

REASONS = {
    "25006": "the database is read-only",
    "28000": "the database refuses the user: check DATABASE_URL and the server's pg_hba.conf",
    "28P01": "the database refuses the password: check DATABASE_URL",
    "3D000": "the database that DATABASE_URL names does not exist",
    "42501": "the database's role lacks a right; docs/operations.md lists those that it needs",
    "53300": "the database has no free connections: lower DATABASE_CONNECTIONS, or allow more on the server",
    "57P03": "the database is starting or stopping",
}
"""What an operator can mend, by SQLSTATE."""

# Errors after which the driver may still be busy with the connection.
_ABANDONED = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)


def translate_errors_of(engine: AsyncEngine) -> None:
    """Make every statement, flush and commit on this engine raise the ports' errors."""
    event.listen(engine.sync_engine, "handle_error", _translate)


@contextmanager
def unreachable_translated() -> Iterator[None]:
    """Translate every error of the way to the database: of the queue, the pool and the connection."""
    try:
        yield
    except (DBAPIError, AsyncAdapt_asyncpg_dbapi.Error, asyncpg.PostgresError, QueueFull, *_ABANDONED) as error:
        raise StorageUnavailable(REASONS.get(_sqlstate(error), "the database cannot be reached")) from error


def translated(error: BaseException) -> Exception | None:
    """Return the port's error for an error of the driver; None for a defect of ours, which stays what it is."""
    if isinstance(error, _ABANDONED):
        return StorageUnavailable("the database cannot be reached")
    # SQLAlchemy's dialect wraps the driver's error in one of its own.
    field = REFUSED_BY_CONSTRAINT.get(getattr(error.__cause__, "constraint_name", None) or "")
    if field is not None:
        return ProductAlreadyExists(field)
    sqlstate = _sqlstate(error)
    if sqlstate.startswith(UNAVAILABLE_SQLSTATES):
        return StorageUnavailable(REASONS.get(sqlstate, "the database did not carry out a statement"))
    return None


def _sqlstate(error: BaseException) -> str:
    """Return the code of an error of the driver, or of one that SQLAlchemy put around it; empty without one."""
    for each in (error, getattr(error, "orig", None), error.__cause__):
        if (found := getattr(each, "sqlstate", None)) is not None:
            return str(found)
    return ""


def _translate(context: ExceptionContext) -> None:
    error = context.original_exception
    if isinstance(error, _ABANDONED) and not context.is_disconnect:
        context.is_disconnect, context.invalidate_pool_on_disconnect = True, False
    found = translated(error)
    if found is None and context.is_disconnect and isinstance(error, Exception):
        found = StorageUnavailable("the connection to the database was lost")
    if found is not None:
        raise found from error
