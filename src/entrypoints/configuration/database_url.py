"""The database's URL in the one form that every driver takes."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import certifi
import psycopg
from psycopg.conninfo import conninfo_to_dict

_TAKEN = frozenset(
    [
        "host",
        "port",
        "dbname",
        "user",
        "password",
        "passfile",
        "service",
        "application_name",
        "options",
        "target_session_attrs",
        "sslmode",
        "sslnegotiation",
        "sslcert",
        "sslkey",
        "sslpassword",
        "sslrootcert",
        "sslcrl",
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
        "krbsrvname",
        "gsslib",
    ]
)
"""The parameters of libpq that mean the same to both drivers."""

# These may be left out: the service does the same anyway, or security does not depend on them.
_IGNORED = frozenset(
    [
        "channel_binding",
        "connect_timeout",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
        "client_encoding",
        "fallback_application_name",
        "sslcompression",
        "sslsni",
        "gssdelegation",
        "load_balance_hosts",
        "min_protocol_version",
        "max_protocol_version",
        "gssencmode",
        "sslcertmode",
    ]
)
# These values ask for a protection that asyncpg lacks, so they are refused.
_REQUIRED = {("channel_binding", "require"), ("gssencmode", "require"), ("sslcertmode", "require")}
# Other tools' parameters, seen in the URLs of hosting providers. libpq refuses them.
_FOREIGN = frozenset(["pgbouncer", "schema", "connection_limit", "pool_timeout", "sslaccept", "ssl", "supa"])

_VERIFYING = ("verify-ca", "verify-full")
_USUAL_ROOT = Path("~/.postgresql/root.crt")
_CHOICES = {
    "sslmode": ("disable", "allow", "prefer", "require", *_VERIFYING),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
}


class UnsupportedParameter(ValueError):
    """A parameter that a driver does not know; the text names it, without its value."""


@dataclass(frozen=True, slots=True)
class Dsn:
    """A URL for asyncpg and psycopg alike, and the names of the parameters that it no longer has."""

    url: str = field(repr=False)
    ignored: tuple[str, ...] = ()


def parse_dsn(url: str) -> Dsn:
    """Read a `postgres://`, `postgresql://` or `postgresql+asyncpg://` URL with libpq's parameters.

    Several hosts may be listed, as libpq does it. `sslmode=verify-full` trusts the usual authorities if there is no
    root file, and so does `sslrootcert=system`. The parameters are those of libpq:
    https://www.postgresql.org/docs/current/libpq-connect.html

    Raises:
        UnsupportedParameter: one asks for something that a driver cannot do.
        ValueError: it is no PostgreSQL URL, or one that a driver cannot read. The drivers would fail on it later, and
            repeat the URL in their logs, password included.
    """
    scheme, _separator, rest = url.partition("://")
    if scheme not in ("postgres", "postgresql", "postgresql+asyncpg"):
        raise ValueError("no PostgreSQL URL")
    address, _mark, query = rest.partition("?")
    kept, ignored = _sorted_out(query)
    mode = next((value for name, value in kept if name == "sslmode"), "")
    if (
        mode in _VERIFYING
        and not any(name == "sslrootcert" for name, _ in kept)
        and not _USUAL_ROOT.expanduser().exists()
    ):
        kept.append(("sslrootcert", "system"))
    parameters = "&".join(f"{name}={quote(_path_of_roots(name, value), safe='/,')}" for name, value in kept)
    dsn = f"postgresql://{address}{'?' if parameters else ''}{parameters}"
    try:
        _ = urlsplit(dsn).netloc, conninfo_to_dict(dsn)
        _check_ports(dsn)
    except (ValueError, psycopg.ProgrammingError):
        raise ValueError("no PostgreSQL URL with its special characters percent-encoded") from None
    return Dsn(dsn, tuple(ignored))


def _sorted_out(query: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the parameters to keep, and the names of those that may be left out."""
    kept: list[tuple[str, str]] = []
    ignored: list[str] = []
    for name, _sign, encoded in (part.partition("=") for part in query.split("&") if part):
        value = unquote(encoded, errors="strict")
        if (name, value) in _REQUIRED:
            raise UnsupportedParameter(f"has {name}={value}, which is not supported: remove it or weaken it")
        if name in _IGNORED:
            ignored.append(name)
        elif value not in _CHOICES.get(name, (value,)):
            raise UnsupportedParameter(f"has a value for {name} that is none of {', '.join(_CHOICES[name])}")
        elif name in _TAKEN:
            kept.append((name, value))
        elif name in _FOREIGN or name in _libpq_names():
            raise UnsupportedParameter(f"has the parameter {name}, which is not supported: remove it")
        else:
            # It may be the rest of a password with a question mark in it, so it is not repeated.
            raise ValueError("no PostgreSQL URL with its special characters percent-encoded")
    return kept, ignored


def _libpq_names() -> frozenset[str]:
    return frozenset(option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults())


def _path_of_roots(name: str, value: str) -> str:
    # libpq would look where the OpenSSL inside its wheel was built, asyncpg for a file of that name.
    if (name, value) == ("sslrootcert", "system"):
        return ssl.get_default_verify_paths().cafile or certifi.where()
    return value


def _check_ports(dsn: str) -> None:
    found = conninfo_to_dict(dsn)
    hosts, ports = (str(found.get(name) or "").split(",") for name in ("host", "port"))
    if len(ports) not in {1, len(hosts)} or any(port and not 0 < int(port) < 65_536 for port in ports):
        raise ValueError("no port")
