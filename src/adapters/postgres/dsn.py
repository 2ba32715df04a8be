"""The database's URL in the one form that every driver takes."""

from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict


def libpq_dsn(url: str) -> str:
    """Return the URL in the form that asyncpg and psycopg both take: `postgresql://…` with libpq's parameters.

    Raises:
        ValueError: it is no PostgreSQL URL, or one that a driver cannot read.
    """
    scheme, _separator, rest = url.partition("://")
    if scheme not in ("postgres", "postgresql", "postgresql+asyncpg"):
        raise ValueError("no PostgreSQL URL")
    dsn = f"postgresql://{rest}"
    try:
        # The drivers would fail on these later, and repeat the URL in their logs, password included.
        _ = urlsplit(dsn).port, conninfo_to_dict(dsn)
    except (ValueError, psycopg.ProgrammingError):
        raise ValueError("no PostgreSQL URL with its special characters percent-encoded") from None
    return dsn
