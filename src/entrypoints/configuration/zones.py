"""Time zones by their IANA names. Zones that were read once are kept; there are some hundred."""

from datetime import UTC, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

_NO_PLACES = frozenset({"localtime", "Factory"})
"""Files beside those of zones: this machine's zone, and what a new machine is set to."""

_NAMES_OF_UTC = frozenset({"UTC", "Etc/UTC", "UCT", "Etc/UCT", "Universal", "Etc/Universal", "Zulu", "Etc/Zulu"})


@cache
def zone_names() -> frozenset[str]:
    """Return the names of all zones; their files are looked for once."""
    return frozenset(available_timezones() - _NO_PLACES)


def find_zone(name: str) -> tzinfo | None:
    """Return the zone with exactly this name; UTC itself is Python's own. None if there is none."""
    if name in _NAMES_OF_UTC:
        return UTC
    return _read(name) if name in zone_names() else None


@cache
def _read(name: str) -> ZoneInfo:
    # ZoneInfo keeps only a few zones itself, and would read the file of another one again.
    return ZoneInfo(name)
