"""The limits of a call to a receiver, apart from the code that makes it, which the API does not import."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SendingLimits:
    """Limits of one call to a receiver, in seconds and bytes."""

    call: float = 15.0
    """The whole call."""
    head: int = 16 * 1024
    """An answer's head, interim answers included."""
    body: int = 64 * 1024
    """Bytes of an answer's body that are read; the rest is not waited for."""
    kept: int = 500
    """Characters of it that are kept."""
    sent: int = 1024 * 1024
    """An answer as it is sent, with what chunks add to it."""
    idle: float = 4.0
    """A kept connection."""
