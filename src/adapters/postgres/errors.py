"""The one place where the driver's errors become those of the ports."""

import socket
import ssl
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

READ_ONLY = "25006"
_LOCKED = ("40P01", "55P03")
UNAVAILABLE_SQLSTATES = ("08", "25P03", READ_ONLY, "28", "3D000", "40", "42501", "42P05", "26000", "53", "55P03", "57")
"""Lost connections, idle too long, read-only, no login, no database, rollback by conflict, no right, pooled statements,
no resources, lock time-out, operator and time limits."""

UNREACHABLE = "the database cannot be reached"
READ_ONLY_REASON = "the database is read-only"
POOLER = (
    "a pooler in transaction mode stands before the database: set DATABASE_POOLER=transaction, and DATABASE_DIRECT_URL "
    "to the way past it"
)
# The longest prefix decides.
_REASONS = {
    READ_ONLY: READ_ONLY_REASON,
    "28": "the database refuses the user or the password of DATABASE_URL",
    "28000": "the database refuses the user of DATABASE_URL, or connections without TLS (sslmode)",
    "3D000": "the database that DATABASE_URL names does not exist: create it",
    "42501": "the role of DATABASE_URL lacks a right, see `The database` in docs/operations.md",
    "42P05": POOLER,
    "26000": POOLER,
    "08P01": "the pooler before the database has no connection for us: its log says why",
    "53300": "the database has no connection left for us: lower DATABASE_CONNECTIONS or run fewer processes",
    "53100": "the disk of the database is full",
    "57P03": "the database is starting or stopping",
}
_REASONS_OF_CLASSES: tuple[tuple[type[Exception], str], ...] = (
    (QueueFull, "no connection to the database came free in time"),
    (asyncpg.TargetServerAttributeNotMatched, "no host of DATABASE_URL fits its target_session_attrs"),
    (asyncpg.ClientConfigurationError, "DATABASE_URL has a wrong value, or names a file that cannot be read"),
    (
        FileNotFoundError,
        f"{UNREACHABLE}: its socket, or a file that DATABASE_URL names (sslrootcert, sslcert, sslkey), is not there",
    ),
    (PermissionError, f"{UNREACHABLE}: its socket, or a file that DATABASE_URL names, may not be read"),
    (socket.gaierror, f"{UNREACHABLE}: the name of its host is not known"),
    (ConnectionRefusedError, f"{UNREACHABLE}: nothing listens at the host and port of DATABASE_URL"),
    (TimeoutError, "the database does not answer in time"),
)

# Errors after which the driver may still be busy with the connection.
_ABANDONED = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)


class Locked(StorageUnavailable):
    """Another transaction held a lock for too long, or waited itself for a lock of this one."""


def translate_errors_of(engine: AsyncEngine) -> None:
    """Make every statement, flush and commit on this engine raise the ports' errors."""
    event.listen(engine.sync_engine, "handle_error", _translate)


@contextmanager
def unreachable_translated() -> Iterator[None]:
    """Translate every error of the way to the database: of the queue, the pool and the connection."""
    try:
        yield
    except (DBAPIError, AsyncAdapt_asyncpg_dbapi.Error, asyncpg.PostgresError, QueueFull, *_ABANDONED) as error:
        raise StorageUnavailable(reason_of(error)) from error


@contextmanager
def past_the_pooler() -> Iterator[None]:
    """Make the trouble on the way past a pooler name the setting of that way."""
    try:
        yield
    except StorageUnavailable as error:
        reason = str(error).replace("DATABASE_URL", "DATABASE_DIRECT_URL")
        raise StorageUnavailable(f"past the pooler (DATABASE_DIRECT_URL), {reason}") from error


def reason_of(error: BaseException) -> str:
    """Return the trouble with the database in one line, with its remedy where that is known.

    The texts of drivers and servers are not repeated: they may quote parts of the URL.
    """
    sqlstate: str = getattr(error, "sqlstate", None) or ""
    for length in (5, 2):
        if sqlstate and sqlstate[:length] in _REASONS:
            return _REASONS[sqlstate[:length]]
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of the database is refused ({error.verify_message}): see sslrootcert"
    if type(error) is ConnectionError:
        return "the database offers no TLS, which the sslmode of DATABASE_URL asks for"
    return next((reason for kind, reason in _REASONS_OF_CLASSES if isinstance(error, kind)), UNREACHABLE)


def is_read_only(error: BaseException) -> bool:
    """Whether a write was refused because the session is read-only."""
    return getattr(error, "sqlstate", None) == READ_ONLY


def translated(error: BaseException) -> Exception | None:
    """Return the port's error for an error of the driver; None for a defect of ours, which is not translated."""
    if isinstance(error, _ABANDONED):
        return StorageUnavailable(reason_of(error))
    # SQLAlchemy's dialect wraps the driver's error in one of its own.
    field = REFUSED_BY_CONSTRAINT.get(getattr(error.__cause__, "constraint_name", None) or "")
    if field is not None:
        return ProductAlreadyExists(field)
    sqlstate: str = getattr(error, "sqlstate", None) or ""
    if sqlstate.startswith(UNAVAILABLE_SQLSTATES):
        reason = reason_of(error)
        kind = Locked if sqlstate in _LOCKED else StorageUnavailable
        return kind(reason if reason != UNREACHABLE else "the database did not carry out a statement")
    return None


def _translate(context: ExceptionContext) -> None:
    error = context.original_exception
    if isinstance(error, _ABANDONED) and not context.is_disconnect:
        context.is_disconnect, context.invalidate_pool_on_disconnect = True, False
    found = translated(error)
    if found is None and context.is_disconnect and isinstance(error, Exception):
        found = StorageUnavailable("the connection to the database was lost")
    if found is not None:
        raise found from error
