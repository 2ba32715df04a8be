"""The forms of settings that are more than a number or a choice; what is wanted is told, never the value."""

import re
from collections.abc import Callable
from ipaddress import ip_network
from urllib.parse import urlsplit

from argon2 import Type, extract_parameters
from argon2.exceptions import InvalidHashError

from adapters.offers_api.secret import Secret
from adapters.postgres.connection import libpq_dsn

# Compared with what browsers send, which is never upper case and leaves the usual port out.
_ORIGIN = re.compile(r"https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::[1-9][0-9]{0,4})?")
_PORTS = {"http": 80, "https": 443}


def parts(value: str) -> list[str]:
    """Return what commas separate."""
    return [part.strip() for part in value.split(",")] if value else []


def malformed(name: str, value: str) -> str | None:
    """Return the form that the variable must have if the value does not have it."""
    # What these checks raise may repeat the value, or the part of it that is wrong.
    check, wanted = _FORMS.get(name, (str, ""))
    try:
        check(value)
    except (ValueError, InvalidHashError):
        return wanted
    return None


def _argon2id(value: str) -> None:
    if extract_parameters(value).type is not Type.ID:
        raise ValueError


def _http_url(value: str) -> None:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or parts.query or parts.fragment:
        raise ValueError
    parts.hostname.encode("idna")


def _networks(value: str) -> None:
    # Who trusted everybody would believe whatever callers say about themselves.
    if any(ip_network(part).prefixlen == 0 for part in parts(value)):
        raise ValueError


def _origins(value: str) -> None:
    for origin in parts(value):
        if not _ORIGIN.fullmatch(origin) or (urlsplit(origin).port or 1) == _PORTS[urlsplit(origin).scheme]:
            raise ValueError


_FORMS: dict[str, tuple[Callable[[str], object], str]] = {
    "DATABASE_URL": (
        libpq_dsn,
        "must be a postgres://, postgresql:// or postgresql+asyncpg:// URL, special characters percent-encoded",
    ),
    "OFFERS_BASE_URL": (_http_url, "must be an http:// or https:// URL, with its path prefix and nothing behind it"),
    "OFFERS_REFRESH_TOKEN": (Secret, "must be visible ASCII characters without spaces, and not too many"),
    "TRUSTED_PROXIES": (_networks, "must be addresses and networks, but not all there are, separated by commas"),
    "CORS_ORIGINS": (_origins, "must be origins as browsers send them, `https://shop.example`, separated by commas"),
    "ADMIN_PASSWORD_HASH": (_argon2id, "must be an argon2id hash, as `$argon2id$…`"),
}
