"""Every duration of the token in one place (docs/synchronisation.md), so that tests can divide them."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class TokenPace:
    """How long a token is used, when it is renewed, and how soon a renewal that failed is tried again."""

    assumed_life: timedelta = timedelta(seconds=300)
    """Of a token that does not say, or whose word is not to be believed."""
    longest_life: timedelta = timedelta(seconds=900)
    """What is believed of a token at the most."""
    renewal_jitter: timedelta = timedelta(seconds=1)
    """A renewal starts up to this long after the expiry, never before it."""
    lease: timedelta = timedelta(seconds=15)
    """How long a renewal keeps others away: longer than the call may take."""
    retries: tuple[timedelta, ...] = tuple(timedelta(seconds=seconds) for seconds in (2, 4, 8, 15))
    """After the first failed renewal, the second, …; the last one repeats. Up to a fifth is taken off as jitter."""
    refused_retry: timedelta = timedelta(seconds=60)
    """After upstream refused the refresh token."""
    longest_retry_after: timedelta = timedelta(seconds=300)
    proven_after: timedelta = timedelta(seconds=15)
    """A token refused at a lesser age than this counts as a failed renewal."""
    look_again: timedelta = timedelta(seconds=0.25)
    """Without a token the database is asked no more often than this."""
    farewell: timedelta = timedelta(seconds=2)
    """How long closing waits for a renewal under way, as its answer can't be had again."""

    def retry_in(self, failures: int, jitter: float) -> timedelta:
        """Return how long to wait after so many failed renewals in a row; `jitter` is in [0, 1)."""
        # Shorter, not longer: whole steps and the second between two looks must not add up to more than the last step.
        return self.retries[min(failures, len(self.retries)) - 1] * (0.9 - 0.1 * jitter)

    def life(self, expires: float | None, now: datetime) -> timedelta:
        """Return how long to use a token that says it expires at this epoch second."""
        left = 0.0 if expires is None else expires - now.timestamp()
        believed = 0 < left <= self.longest_life.total_seconds()
        return timedelta(seconds=left) if believed else self.assumed_life
