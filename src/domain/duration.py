"""Durations in the form of ISO 8601, in weeks, days, hours, minutes and seconds."""

from datetime import timedelta

_HOUR, _MINUTE = 3_600, 60


def written(length: timedelta) -> str:
    """Return the duration, which is not negative, as PT10M or P7D."""
    hours, rest = divmod(length.seconds, _HOUR)
    minutes, seconds = divmod(rest, _MINUTE)
    shown = f"{seconds}.{length.microseconds:06}".rstrip("0").rstrip(".")
    time = "".join(
        f"{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M"), (shown, "S")) if count not in (0, "0")
    )
    if not length.days and not time:
        return "PT0S"
    return "P" + (f"{length.days}D" if length.days else "") + (f"T{time}" if time else "")
