"""Times in queries, RFC 3339 with a zone."""

from datetime import UTC, datetime

import msgspec

from domain.errors import InvalidWindow

_WANTED = "This must be a time with its zone, as 2026-11-26T08:30:00Z (a + is written %2B in a URL)."


def read_time(parameter: str, text: str) -> datetime:
    """Return the time that a parameter gives, in UTC.

    Raises:
        InvalidWindow
    """
    try:
        time = msgspec.convert(text, datetime)
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except OverflowError as error:
        raise InvalidWindow(parameter, "This is not within the years 1 to 9999 in UTC.") from error
    except ValueError as error:
        raise InvalidWindow(parameter, _WANTED) from error
    raise InvalidWindow(parameter, _WANTED)


def read_at(text: str) -> datetime:
    """Return the time that `at` gives.

    Raises:
        InvalidWindow
    """
    return read_time("at", text)


def read_start(text: str) -> datetime:
    """Return the time that `from` gives.

    Raises:
        InvalidWindow
    """
    return read_time("from", text)


def read_end(text: str) -> datetime:
    """Return the time that `to` gives.

    Raises:
        InvalidWindow
    """
    return read_time("to", text)
