"""Limits of traces."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TraceLimits:
    """Limits of the traces of one process; durations are in seconds."""

    spans_of_a_name: int = 20
    """Spans with one name in one trace: a batch makes hundreds of calls, which are alike."""
    text: int = 256
    """Characters of an attribute."""
    waiting: int = 2_048
    """Spans that wait to be sent; with more, the oldest are dropped."""
    sent_together: int = 512
    between: float = 5.0
    """From one sending to the next."""
    send: float = 3.0
    """For the collector to take them, all attempts together."""
    end: float = 2.0
    """For the waiting spans when the process stops."""
