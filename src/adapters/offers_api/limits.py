"""The limits of a call, apart from the code that makes it, which the API does not import."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Limits of one exchange, in seconds and bytes. The order that must hold is in entrypoints/limit_order.py."""

    turn: float = 5.0
    """Waiting for a place among the concurrent calls, before anything is sent."""
    waiting: int = 1_000
    """Calls that may wait for a place."""
    connect: float = 2.0
    """Name resolution, connection and TLS together."""
    read: float = 5.0
    """Between two pieces of an answer."""
    call: float = 10.0
    """The whole exchange, once it has its place."""
    body: int = 1024 * 1024
    """An answer's body, decompressed."""
    head: int = 64 * 1024
    """An answer's head, interim answers (`100 Continue`) included."""
    sent: int = 2 * 1024 * 1024
    """An answer as it is sent: all of the above and the trailers, with what chunks and compression add to them."""
    idle: float = 4.0
    """A kept connection: less than the 5 s after which common servers close it under a request."""
