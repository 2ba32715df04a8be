"""Times in requests, RFC 3339 with a zone, and durations, ISO 8601 in weeks, days, hours, minutes and seconds."""

import re
from datetime import UTC, datetime, timedelta

import msgspec

from domain.errors import InvalidWindow

_WANTED = "This must be a time with its zone, as 2026-11-26T08:30:00Z (a + is written %2B in a URL)."
_TIME = r"T([0-9]+H([0-9]+M)?([0-9]+S)?|[0-9]+M([0-9]+S)?|[0-9]+S)"
DURATION = rf"^P([0-9]+W|[0-9]+D({_TIME})?|{_TIME})$"
_WANTED_DURATION = "This must be an ISO 8601 duration in weeks, days, hours, minutes and seconds, as P7D or PT36H."


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


def read_duration(text: str) -> timedelta:
    """Return the duration.

    Raises:
        InvalidWindow
    """
    # Weeks stand alone in ISO 8601, and msgspec does not read them.
    weeks = re.fullmatch(r"P([0-9]+)W", text)
    try:
        return msgspec.convert(f"P{int(weeks[1]) * 7}D" if weeks else text, timedelta)
    except OverflowError as error:
        raise InvalidWindow("period", "This is not within the years 1 to 9999 in UTC.") from error
    except ValueError as error:
        raise InvalidWindow("period", _WANTED_DURATION) from error


def read_period(text: str) -> timedelta:
    """Return a duration that is longer than 0.

    Raises:
        InvalidWindow
    """
    length = read_duration(text)
    if length <= timedelta(0):
        raise InvalidWindow("period", "The period must be longer than 0.")
    return length


def read_length(text: str) -> timedelta:
    """Return a duration that is not negative.

    Raises:
        InvalidWindow
    """
    length = read_duration(text)
    if length < timedelta(0):
        raise InvalidWindow("period", "This must not be negative.")
    return length
