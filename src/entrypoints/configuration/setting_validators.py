"""Validators of settings that are more than a number or a choice. Their messages never repeat the value."""

import re
import ssl
from collections.abc import Callable
from ipaddress import collapse_addresses, ip_network
from typing import Any
from urllib.parse import unquote, urlsplit

from argon2 import Type, extract_parameters
from argon2.exceptions import InvalidHashError

from application.synchronisation.access_token.secret import Secret
from entrypoints.configuration.database_url import UnsupportedParameter, parse_dsn

# Browsers send origins in lower case and without the usual port.
_ORIGIN = re.compile(r"https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::[1-9][0-9]{0,4})?")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_HOST = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+")
MOST_SECRETS = 8
# Bits of the largest networks that are one operator's: 10.0.0.0/8, and fc00::/7.
MOST_TRUSTED, MOST_TRUSTED_IPV6 = 8, 7
_PORTS = {"http": 80, "https": 443}


def comma_separated(value: str) -> list[str]:
    """Return the parts between commas."""
    return [part.strip() for part in value.split(",")] if value else []


def malformed(name: str, value: str) -> str | None:
    """Return the required form if the value does not have it."""
    # The errors of these checks may repeat the value, or the wrong part of it.
    check, wanted = _FORMS.get(name, (str, ""))
    try:
        check(value)
    except UnsupportedParameter as error:
        return str(error)
    except (ValueError, InvalidHashError):
        return wanted
    return None


def path_prefix(value: str) -> str:
    """Return a path prefix as it stands before a path of the API.

    Raises:
        ValueError: it is none; one that began with two slashes would lead to another host.
    """
    if not _PREFIX.fullmatch(value):
        raise ValueError
    return value


def _argon2id(value: str) -> None:
    if extract_parameters(value).type is not Type.ID:
        raise ValueError


def _http_url(value: str) -> None:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or parts.query or parts.fragment:
        raise ValueError
    parts.hostname.encode("idna")


def _certificates(path: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except OSError as error:
        raise ValueError from error


def _proxy(value: str) -> None:
    parts = urlsplit(value)
    if parts.path not in ("", "/"):
        raise ValueError
    _http_url(value)
    # RFC 7617: a colon ends the name, and there is no agreed encoding beyond this one.
    if ":" in unquote(parts.username or ""):
        raise ValueError
    unquote((parts.username or "") + (parts.password or "")).encode("latin-1")


def _networks(value: str) -> None:
    # If every address were trusted, any client could claim any address. Two halves of all addresses are all, too.
    networks = [ip_network(part) for part in comma_separated(value)]
    for version, shortest in ((4, MOST_TRUSTED), (6, MOST_TRUSTED_IPV6)):
        together: Any = collapse_addresses(network for network in networks if network.version == version)
        if any(network.prefixlen < shortest for network in together):
            raise ValueError


def _hosts(value: str) -> None:
    if not all(_HOST.fullmatch(host) for host in comma_separated(value)):
        raise ValueError


def _secrets(value: str) -> None:
    # Each is tried on a token of unknown origin, so there may not be many.
    if len(parts := comma_separated(value)) > MOST_SECRETS or not all(parts):
        raise ValueError


def _origins(value: str) -> None:
    for origin in comma_separated(value):
        if not _ORIGIN.fullmatch(origin) or (urlsplit(origin).port or 1) == _PORTS[urlsplit(origin).scheme]:
            raise ValueError


_DATABASE: tuple[Callable[[str], object], str] = (
    parse_dsn,
    "must be a postgres://, postgresql:// or postgresql+asyncpg:// URL, special characters percent-encoded",
)
_FORMS: dict[str, tuple[Callable[[str], object], str]] = {
    "DATABASE_URL": _DATABASE,
    "DATABASE_READ_URL": _DATABASE,
    "DATABASE_DIRECT_URL": _DATABASE,
    "OFFERS_BASE_URL": (_http_url, "must be an http:// or https:// URL, with its path prefix and nothing behind it"),
    "OFFERS_REFRESH_TOKEN": (Secret, "must be visible ASCII characters without spaces, and not too many"),
    "OFFERS_CA_FILE": (_certificates, "must be a readable PEM file with at least one certificate"),
    "OFFERS_PROXY": (_proxy, "must be an http:// or https:// URL without a path, its credentials percent-encoded"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": (
        _http_url,
        "must be the http:// or https:// URL of a collector, without /v1/traces",
    ),
    "TRUSTED_PROXIES": (
        _networks,
        "must be addresses and networks, no more together than a /8 or fc00::/7, separated by commas",
    ),
    "ALLOWED_HOSTS": (_hosts, "must be host names and addresses without ports, separated by commas"),
    "ROOT_PATH": (path_prefix, "must be a path with a slash before each part and none at its end, as `/aggregator`"),
    "JWT_SECRETS_ACCEPTED": (_secrets, f"must be at most {MOST_SECRETS} secrets, separated by commas"),
    "CORS_ORIGINS": (_origins, "must be origins as browsers send them, `https://shop.example`, separated by commas"),
    "ADMIN_PASSWORD_HASH": (_argon2id, "must be an argon2id hash, as `$argon2id$…`"),
}
