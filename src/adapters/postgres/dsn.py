"""The database's URL in the one form that every driver takes."""

from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import certifi
import psycopg
from psycopg.conninfo import conninfo_to_dict

IGNORED = frozenset({
    "channel_binding", "connect_timeout", "gssencmode", "keepalives", "keepalives_count", "keepalives_idle",
    "keepalives_interval", "tcp_user_timeout",
})  # fmt: skip
"""Parameters of libpq that asyncpg does not know. Time-outs are this service's own (docs/limits.md)."""
_REQUIRED = {"channel_binding": "require", "gssencmode": "require"}
_VERIFYING = ("verify-ca", "verify-full")
_USUAL_ROOT = Path("~/.postgresql/root.crt")


class UnsupportedParameter(ValueError):
    """A parameter of the URL demands what one of the drivers cannot do; the text names it."""


def libpq_dsn(url: str) -> str:
    """Return the URL in the form that asyncpg and psycopg both take: `postgresql://…` with libpq's parameters.

    Ignored parameters are left out. Without a root file of its own, a verified connection trusts certifi's roots.

    Raises:
        UnsupportedParameter
        ValueError: it is no PostgreSQL URL, or one that a driver cannot read.
    """
    scheme, _separator, rest = url.partition("://")
    if scheme not in ("postgres", "postgresql", "postgresql+asyncpg"):
        raise ValueError("no PostgreSQL URL")
    try:
        # The drivers would fail on these later, and repeat the URL in their logs, password included.
        urlsplit(f"postgresql://{rest}")
        for host in _hosts(rest):
            _ = urlsplit(f"//{host}").port
        conninfo_to_dict(f"postgresql://{rest}")
    except (ValueError, psycopg.ProgrammingError):
        raise ValueError("no PostgreSQL URL with its special characters percent-encoded") from None
    place, _separator, query = rest.partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    for name, value in _REQUIRED.items():
        if given.get(name) == value:
            raise UnsupportedParameter(f"{name}={value} is not supported")
    kept = {name: value for name, value in given.items() if name not in IGNORED}
    if kept.get("sslmode") in _VERIFYING and "sslrootcert" not in kept and not _USUAL_ROOT.expanduser().exists():
        kept["sslrootcert"] = certifi.where()
    return f"postgresql://{place}" + (f"?{urlencode(kept, safe='/:,')}" if kept else "")


def ignored_parameters(url: str) -> list[str]:
    """Return the names of the parameters in the URL that have no effect."""
    return sorted(IGNORED & {name for name, _ in parse_qsl(url.partition("?")[2], keep_blank_values=True)})


def _hosts(rest: str) -> list[str]:
    """Return the hosts with their ports: libpq takes several, separated by commas."""
    return rest.partition("?")[0].partition("/")[0].rpartition("@")[2].split(",")
