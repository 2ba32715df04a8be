"""Durations in the form of ISO 8601, in weeks, days, hours, minutes and seconds."""

from datetime import timedelta

_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60


def written(length: timedelta) -> str:
    """Return the duration, which is not negative, as PT10M or P7D; fractions of a second are left out."""
    seconds = length // timedelta(seconds=1)
    days, rest = divmod(seconds, _DAY)
    hours, rest = divmod(rest, _HOUR)
    minutes, seconds = divmod(rest, _MINUTE)
    time = "".join(f"{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if count)
    if not days and not time:
        return "PT0S"
    return "P" + (f"{days}D" if days else "") + (f"T{time}" if time else "")
