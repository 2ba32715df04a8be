"""Log lines for the events of the shared access token."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from application.synchronisation.access_token.renewal import TokenEvent

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LoggedTokenEvents:
    """Counts every event, and writes its line."""

    count: Callable[[TokenEvent], None]

    def __call__(self, event: TokenEvent, *, reason: str = "", failures: int = 0, seconds: float = 0.0) -> None:
        self.count(event)
        match event:
            case TokenEvent.RENEWED:
                log.info("access token renewed", expires_in=round(seconds))
            case TokenEvent.TOO_LATE:
                log.warning("access token came too late")
            case TokenEvent.UNREADABLE:
                log.error("access token unreadable")
            case TokenEvent.DROPPED:
                log.warning("access token refused", failures=failures, retry_in=round(seconds, 1))
            case _:
                log.warning("access token not renewed", reason=reason, failures=failures, retry_in=round(seconds, 1))
