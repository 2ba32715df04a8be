"""The retry rule: when a product that failed is attempted again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from application.synchronisation.offers_gateway import OffersServiceUnavailable
from application.synchronisation.timing import Pace


@dataclass(frozen=True, slots=True)
class RetryRule:
    """Full jitter under a cap, and Retry-After honoured up to its own cap. `jitter` returns a number in [0, 1)."""

    pace: Pace
    jitter: Callable[[], float]

    def registration(self, error: Exception, failures: int, at: datetime) -> datetime:
        """When to try a registration again after `failures` failed attempts in a row."""
        cap = self.pace.longest_registration_backoff
        return at + max(self._backoff(timedelta(seconds=1), cap, failures), self._asked(error))

    def observation(self, error: Exception, failures: int, at: datetime, *, upstream_in_trouble: bool) -> datetime:
        """Before when not to observe again; upstream's trouble adds no backoff, so the next slot is taken."""
        if upstream_in_trouble:
            return at + self._asked(error)
        interval = self.pace.refresh_interval
        cap = interval * self.pace.most_backoff_intervals
        return at + max(self._backoff(interval, cap, failures), self._asked(error))

    def _backoff(self, first: timedelta, cap: timedelta, failures: int) -> timedelta:
        # The exponent is bounded before it is used: failures grow without limit, a timedelta does not.
        return self.jitter() * min(cap, first * (1 << min(failures - 1, 16)))

    def _asked(self, error: Exception) -> timedelta:
        if isinstance(error, OffersServiceUnavailable) and error.retry_after is not None:
            # In seconds, because a timedelta cannot be as long as upstream may ask for.
            return timedelta(seconds=min(error.retry_after, self.pace.longest_retry_after.total_seconds()))
        return timedelta(0)
