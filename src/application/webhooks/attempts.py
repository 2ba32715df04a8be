"""Attempts to deliver an event: their outcome, and when the next one comes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

RETRIES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
"""From a failed attempt to the next one; an event whose last attempt fails is given up."""
SPREAD = 0.2
"""The share by which each of these times varies."""
LONGEST_RETRY_AFTER = timedelta(hours=1)
"""The longest Retry-After that is honoured."""
GONE, TOO_MANY_REQUESTS, UNAVAILABLE = 410, 429, 503
PING = "webhook.ping"


class AttemptOutcome(StrEnum):
    """What became of an attempt."""

    DELIVERED = "delivered"
    FAILED = "failed"
    SKIPPED = "skipped"
    """No attempt: events behind the webhook's position were no longer kept."""


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """An event that waits for an attempt, after `attempts` failed ones; a ping waits for its first and only one."""

    id: str
    type: str
    body: bytes
    attempts: int
    next_attempt_at: datetime

    @property
    def is_ping(self) -> bool:
        """Whether it is a ping, which is sent once."""
        return self.type == PING


@dataclass(frozen=True, slots=True)
class ReceiverAnswer:
    """A receiver's answer; without a status `error` says why there is none. `text` is the beginning of its body.

    `retry_after` are seconds, or a time of day by the receiver.
    """

    status: int | None
    error: str | None = None
    text: str = ""
    retry_after: float | datetime | None = None

    @property
    def success(self) -> bool:
        """Whether the receiver has taken the event."""
        return self.status is not None and 200 <= self.status < 300

    def wait(self, at: datetime) -> timedelta | None:
        """Return how long the receiver wants to be left alone, None if it does not say."""
        if self.status not in (TOO_MANY_REQUESTS, UNAVAILABLE) or self.retry_after is None:
            return None
        if isinstance(self.retry_after, datetime):
            return min(max(self.retry_after - at, timedelta(0)), LONGEST_RETRY_AFTER)
        # Compared in seconds, because a receiver may send more than a timedelta can hold.
        return timedelta(seconds=min(self.retry_after, LONGEST_RETRY_AFTER.total_seconds()))


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt, as the delivery log keeps it; `number` counts the attempts to deliver this event from 1."""

    event_id: str
    type: str
    at: datetime
    number: int
    outcome: AttemptOutcome
    status: int | None
    error: str | None
    answer: str
    milliseconds: int
    next_attempt_at: datetime | None


def next_attempt(failed: int, at: datetime, wait: timedelta | None, jitter: Callable[[], float]) -> datetime | None:
    """Return when to try again after so many failed attempts, None if never; `jitter` is a number in [0, 1)."""
    if failed > len(RETRIES):
        return None
    spread = 1 - SPREAD + 2 * SPREAD * jitter()
    return at + max(RETRIES[failed - 1] * spread, wait or timedelta(0))
