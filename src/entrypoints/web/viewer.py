"""The viewer of a page: language, time zone and theme, from headers, cookies and links."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import Any, Literal, TypeAlias, cast

from babel import Locale, UnknownLocaleError
from litestar import Request

ZONE, THEME = "zone", "theme"
"""The cookies; JavaScript sets the zone once, a form the theme."""
THEMES = ("light", "dark")
LONGEST_HEADER = 200
LANGUAGES_READ = 5

Theme = Literal["", "light", "dark"]

_ENGLISH = Locale("en")

FindZone: TypeAlias = Callable[[str], tzinfo | None]
"""Returns the time zone of this name, None if there is none."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person in front of a browser; without a theme the system's is used."""

    locale: Locale
    zone: tzinfo
    theme: Theme


def read_viewer(request: Request[Any, Any, Any], find_zone: FindZone) -> Viewer:
    """Read the viewer: `tz` in the link comes before the cookie, and unreadable values count as not given."""
    zones = (request.query_params.get("tz"), request.cookies.get(ZONE))
    zone = next((found for name in zones if name and (found := find_zone(name))), UTC)
    theme = request.cookies.get(THEME, "")
    locale = _locale(request.headers.get("Accept-Language", "")[:LONGEST_HEADER])
    return Viewer(locale, zone, cast("Theme", theme if theme in THEMES else ""))


@lru_cache(maxsize=64)
def _locale(header: str) -> Locale:
    """Return the locale of the first known language (RFC 9110, 12.5.4); weights other than the order are ignored."""
    for language in header.split(",")[:LANGUAGES_READ]:
        try:
            return Locale.parse(language.partition(";")[0].strip(), sep="-")
        except (UnknownLocaleError, ValueError, TypeError):
            continue
    return _ENGLISH
