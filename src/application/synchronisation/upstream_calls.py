"""Calls to the Offers service as observers see them: the endpoint and the result."""

from enum import StrEnum
from typing import Protocol


class Endpoint(StrEnum):
    """The endpoint of a call."""

    AUTH = "auth"
    REGISTER = "register"
    OFFERS = "offers"


class NoAnswer(StrEnum):
    """Why a call has no answer that can be read, in words that errors use."""

    TIMEOUT = "timeout"
    CONNECTION_FAILED = "connection failed"
    HOST_NOT_RESOLVED = "host name not resolved"
    TLS_FAILED = "TLS failed"
    PROXY_FAILED = "proxy failed"
    NOT_HTTP = "not HTTP"
    MALFORMED = "malformed answer"
    ABANDONED = "abandoned"
    """The caller stopped waiting: its batch or its process has ended."""


class CallObserver(Protocol):
    """Receives every call when it is over, failed ones included; it must not wait."""

    def __call__(self, endpoint: Endpoint, result: int | NoAnswer, seconds: float) -> None:
        """Note the HTTP status of a call, or why it has none, and its seconds."""
