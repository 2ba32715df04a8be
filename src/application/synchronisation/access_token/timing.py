"""The durations of the access token in one place (docs/synchronisation.md), so that tests can divide them."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class TokenTiming:
    """How long a token is used, when it is renewed, and how soon a failed renewal is tried again."""

    assumed_life: timedelta = timedelta(seconds=300)
    """For a token that states no expiry, or an implausible one."""
    longest_life: timedelta = timedelta(seconds=900)
    """The longest stated life that is believed."""
    renewal_jitter: timedelta = timedelta(seconds=1)
    """A renewal starts up to this long after the expiry, never before it."""
    lease: timedelta = timedelta(seconds=15)
    """How long a renewal excludes other processes: longer than the call may take."""
    retries: tuple[timedelta, ...] = tuple(timedelta(seconds=seconds) for seconds in (2, 4, 8, 15))
    """Waits after the first failed renewal, the second, …; the last one repeats. Jitter takes off up to a fifth."""
    refused_retry: timedelta = timedelta(seconds=60)
    """The wait after upstream refused the refresh token."""
    longest_retry_after: timedelta = timedelta(seconds=300)
    proven_after: timedelta = timedelta(seconds=15)
    """A token that is refused at a lesser age counts as a failed renewal."""
    look_again: timedelta = timedelta(seconds=0.25)
    """Between two reads of the stored token while there is none."""
    farewell: timedelta = timedelta(seconds=2)
    """How long closing waits for a renewal under way, because its token cannot be had again."""

    def retry_in(self, failures: int, jitter: float) -> timedelta:
        """Return the wait after so many failed renewals in a row; `jitter` is in [0, 1)."""
        # Jitter shortens, so that whole steps and the second between two ticks never exceed the last step together.
        return self.retries[min(failures, len(self.retries)) - 1] * (0.9 - 0.1 * jitter)

    def life(self, expires: float | None, now: datetime) -> timedelta:
        """Return how long to use a token that states this epoch second as its expiry."""
        left = 0.0 if expires is None else expires - now.timestamp()
        believed = 0 < left <= self.longest_life.total_seconds()
        return timedelta(seconds=left) if believed else self.assumed_life
