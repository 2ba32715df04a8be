"""The backoff rule: when a product that failed is attempted again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from application.synchronisation.offers_gateway import OffersServiceUnavailable
from application.synchronisation.timing import Timing


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter under a cap; Retry-After is honoured up to a cap of its own. `jitter` returns a number in [0, 1)."""

    timing: Timing
    jitter: Callable[[], float]

    def registration(self, error: Exception, failures: int, at: datetime) -> datetime:
        """Return when to attempt a registration again after `failures` failed attempts in a row."""
        cap = self.timing.longest_registration_backoff
        return at + max(self._jittered(timedelta(seconds=1), cap, failures), self._retry_after(error))

    def observation(self, error: Exception, failures: int, at: datetime, *, upstream_in_trouble: bool) -> datetime:
        """Return the earliest time of the next observation; upstream's own trouble adds no backoff to a product."""
        if upstream_in_trouble:
            return at + self._retry_after(error)
        interval = self.timing.refresh_interval
        cap = interval * self.timing.most_backoff_intervals
        return at + max(self._jittered(interval, cap, failures), self._retry_after(error))

    def spread(self) -> timedelta:
        """Return how much earlier than its slot a product that met upstream's own trouble is due again."""
        return self.jitter() * self.timing.trouble_spread * self.timing.refresh_interval

    def _jittered(self, first: timedelta, cap: timedelta, failures: int) -> timedelta:
        # The exponent is bounded before it is used: failures grow without limit, a timedelta does not.
        return self.jitter() * min(cap, first * (1 << min(failures - 1, 16)))

    def _retry_after(self, error: Exception) -> timedelta:
        if isinstance(error, OffersServiceUnavailable) and error.retry_after is not None:
            # Compared in seconds, because upstream may send more than a timedelta can hold.
            return timedelta(seconds=min(error.retry_after, self.timing.longest_retry_after.total_seconds()))
        return timedelta(0)
