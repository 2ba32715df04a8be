"""A webhook: a receiver of events, how far it has got in the log, and when it is given up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from application.events.event_log import EventFilter, Position
from domain.event import PUBLIC_EVENTS, EventType

MOST_WEBHOOKS = 100
MOST_CHOSEN = 50
"""Types and products that one webhook names at most."""
DISABLED_BY_OWNER = "Disabled by its owner."
BOTH_SECRETS = timedelta(hours=24)
"""For which deliveries carry the signature of the replaced secret too."""
GIVEN_UP_AFTER = timedelta(days=5)
"""A webhook that only failed for this long is disabled."""


@dataclass(slots=True)
class Webhook:
    """A receiver. `types` None are all public events, `product_ids` None all products.

    Secrets are sealed. `failures` counts attempts in a row, `failing_since` is when the first of them failed. Nothing
    is sent before `not_before`. The log was sent up to `position`, apart from the events that wait for another attempt.
    """

    id: UUID
    url: str
    description: str
    types: frozenset[EventType] | None
    product_ids: frozenset[UUID] | None
    created_at: datetime
    secret: bytes
    position: Position
    enabled: bool = True
    disabled_reason: str | None = None
    previous_secret: bytes | None = None
    previous_until: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    not_before: datetime | None = None

    @property
    def wanted(self) -> EventFilter:
        """The events that it gets."""
        return EventFilter(PUBLIC_EVENTS if self.types is None else self.types, self.product_ids)

    def secrets(self, at: datetime) -> list[bytes]:
        """Return the secrets that sign a delivery, sealed, the newest first."""
        if self.previous_secret is None or self.previous_until is None or self.previous_until <= at:
            return [self.secret]
        return [self.secret, self.previous_secret]

    def rotate(self, sealed: bytes, at: datetime) -> None:
        """Replace the secret; the present one signs beside the new one for a while."""
        self.previous_secret, self.previous_until = self.secret, at + BOTH_SECRETS
        self.secret = sealed

    def enable(self) -> None:
        """Begin to send again, where it has ended."""
        self.enabled, self.disabled_reason = True, None
        self.failures, self.failing_since, self.not_before = 0, None, None

    def disable(self, reason: str) -> None:
        """Send nothing more."""
        self.enabled, self.disabled_reason = False, reason

    def succeeded(self) -> None:
        """Note an attempt that was answered with success."""
        self.failures, self.failing_since = 0, None

    def failed(self, at: datetime) -> None:
        """Note an attempt that failed."""
        self.failures += 1
        self.failing_since = self.failing_since or at

    def only_failed_too_long(self, at: datetime) -> bool:
        """Return whether it has only failed for so long that it is to be given up."""
        return self.failing_since is not None and at - self.failing_since >= GIVEN_UP_AFTER
