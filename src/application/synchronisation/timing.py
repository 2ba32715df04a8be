"""The durations and sizes of the synchronisation in one place, so that tests can divide them."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations are in seconds unless they are a timedelta. Their order is in entrypoints/limit_order.py."""

    refresh_interval: timedelta = timedelta(seconds=60)
    """Between two observations of a product."""
    tick: float = 1.0
    """Between two counts of the due work."""
    trouble_spread: float = 0.1
    """The share of the interval by which a product may be due early, at random, after upstream's trouble. Otherwise an
    upstream that fails at the same moment of each interval would hide the products of that moment for ever."""
    batch_size: int = 100
    """Products that one job claims: small enough that every worker gets a share of each cycle."""
    batches_per_tick: int = 20
    """Jobs of both kinds together that a tick leaves waiting at most."""
    claiming: float = 1.0
    """A job claims further full batches for this long, because starting a job costs as much as ten products."""
    batches_at_once: int = 4
    """Jobs that one worker runs side by side, so that a slow product in one does not idle the others."""
    batch_deadline: float = 15.0
    """Products without an answer by then are released as failed."""
    group_age: float = 1.0
    """Answers are written at least this often while a batch runs."""
    lease: timedelta = timedelta(seconds=25)
    """How long a claim excludes other workers: longer than the deadline and the last write together."""
    telling_calls: int = 5
    """Fewer calls than these are judged together with the ones before them; a probe makes as many calls."""
    first_probe_after: float = 0.5
    """From the opening of the circuit breaker to its first probe: less than a tick, so that each tick can bring one."""
    probe_after: float = 12.0
    """The longest time between two probes; tick and queue included, the next one comes within 15 s."""
    probe_share: float = 1 / 3
    """A probe that fails is followed by the next one after this share of the trouble's time so far."""
    longest_registration_backoff: timedelta = timedelta(seconds=30)
    most_backoff_intervals: int = 10
    """A product that fails while others succeed is left alone for at most this many refresh intervals."""
    longest_retry_after: timedelta = timedelta(seconds=300)
    """The longest Retry-After that is honoured."""
    sold_out_kept: timedelta = timedelta(days=1)
    """How long a sold-out offer is shown among the others."""
