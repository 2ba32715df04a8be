"""What a call upstream is to those who count calls: which one it was, and what came of it."""

from enum import StrEnum
from typing import Protocol


class Endpoint(StrEnum):
    """What was called."""

    AUTH = "auth"
    REGISTER = "register"
    OFFERS = "offers"


class NoAnswer(StrEnum):
    """Why there was no answer, in words for errors."""

    TIMEOUT = "timeout"
    CONNECTION_FAILED = "connection failed"
    HOST_NOT_RESOLVED = "host name not resolved"
    TLS_FAILED = "TLS failed"
    NOT_HTTP = "not HTTP"
    ABANDONED = "abandoned"
    """The caller did not wait for it: its batch was at its end, or the process is."""


class CallObserver(Protocol):
    """Told of every call once it is over, also of one that failed; it must not wait."""

    def __call__(self, endpoint: Endpoint, result: int | NoAnswer, seconds: float) -> None:
        """Take notice of a call's HTTP status, or why it has none, and how long it took."""


def unobserved(endpoint: Endpoint, result: int | NoAnswer, seconds: float) -> None:
    """Take no notice."""
