"""Whether the reads of a request must show all that is committed, or may come from a copy that is seconds old."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class RequestReads:
    """Shared by the reads of one request, so that a later read never shows older data than an earlier one."""

    newest: bool
    """Whether they show all that is committed. It becomes true with the first read that does."""


REQUEST_READS: ContextVar[RequestReads | None] = ContextVar("request_reads", default=None)
"""Set for each request, where there is a copy."""
