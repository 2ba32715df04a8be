"""Log lines when clocks begin to differ and when they agree again."""

from collections.abc import Callable
from datetime import timedelta

import structlog

log = structlog.get_logger(__name__)


class LoggedClockDifference:
    """Shows every difference in seconds, and writes a line when it becomes too much and when that is over."""

    def __init__(self, show: Callable[[float], None]) -> None:
        self._show = show
        self._too_far = False

    def __call__(self, ahead: timedelta, *, too_far: bool) -> None:
        self._show(ahead.total_seconds())
        if too_far and not self._too_far:
            log.error(
                "clock differs from the database's",
                seconds_ahead=round(ahead.total_seconds(), 1),
                effect="nothing is scheduled, rolled up or dropped here",
                remedy="set the clocks of this host and of the database by NTP",
            )
        elif self._too_far and not too_far:
            log.info("clock agrees with the database's again")
        self._too_far = too_far
