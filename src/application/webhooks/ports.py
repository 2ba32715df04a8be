"""The ports of webhooks: their storage, the delivery log, and what seals secrets and sends events."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from application.webhooks.attempts import AttemptOutcome, Delivery, ReceiverAnswer, WaitingEvent
from application.webhooks.webhook import Webhook

LONGEST_DELIVERY_LEASE = timedelta(minutes=10)
"""A lease that ends later was taken before the storage's clock was set back, and has ended."""


class WebhookRepository(Protocol):
    """The webhooks. For use inside a unit of work only."""

    async def add(self, webhook: Webhook) -> None:
        """Store a new webhook."""

    async def count(self) -> int:
        """Return the number of webhooks, and keep other units of work from adding any until this one ends."""

    async def get(self, webhook_id: UUID) -> Webhook:
        """Return the webhook and lock it against other writers until the unit of work ends.

        Raises:
            WebhookNotFound
        """

    async def hold(self, lease_id: UUID, webhook_id: UUID) -> Webhook | None:
        """Return and lock the webhook if this lease is its newest one, else None."""

    async def save(self, webhook: Webhook) -> None:
        """Store the changes of a webhook that this unit of work has got or holds."""

    async def release(self, webhook: Webhook) -> None:
        """End the lease of a webhook that this unit of work holds."""

    async def remove(self, webhook: Webhook) -> None:
        """Remove the webhook that this unit of work has got, and the events that wait for it."""

    async def wait(self, webhook_id: UUID, *events: WaitingEvent) -> None:
        """Let events wait, no two with one id, each in the place of what waits under its id."""

    async def settle(self, webhook_id: UUID, event_ids: Collection[str]) -> None:
        """Forget these of the waiting events."""

    async def forget_pings(self, webhook_id: UUID) -> None:
        """Forget the waiting pings."""

    async def log(self, webhook_id: UUID, *deliveries: Delivery) -> None:
        """Add attempts to the delivery log."""


@dataclass(frozen=True, slots=True)
class DeliveryClaim:
    """A webhook that is due, leased; `at` is the storage's time, `waiting` the number of events that wait."""

    lease_id: UUID
    at: datetime
    webhook: Webhook
    waiting: int


class DueWebhooks(Protocol):
    """The work that is to be done for webhooks.

    Raises:
        StorageUnavailable: in every call.
    """

    async def claim(self, lease: timedelta, at_most: int) -> Sequence[DeliveryClaim]:
        """Lease webhooks that are enabled and due by the storage's clock, those first that were served longest ago.

        One is due if there are events behind its position, or if an event waits whose next attempt is due. No webhook
        is leased to two.
        """

    async def due_events(self, webhook_id: UUID, at_most: int) -> Sequence[WaitingEvent]:
        """Return the waiting events whose next attempt is due, the longest due first."""


@dataclass(frozen=True, slots=True)
class WebhookState:
    """A webhook as its owner sees it: how many events wait, and when the next of them is sent."""

    webhook: Webhook
    waiting: int
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeliveryPosition:
    """The time and the id of a page's last attempt; the next page begins behind it."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class WebhookSummary:
    """All webhooks in numbers; `behind` is the age of the oldest event that an enabled one has not tried to send."""

    enabled: int
    disabled: int
    given_up: int
    """Disabled by the service."""
    failing: int
    """Enabled, and the last attempt failed."""
    waiting: int
    behind: timedelta


class WebhookReader(Protocol):
    """The webhooks, as of now.

    Raises:
        StorageUnavailable: in every call.
    """

    async def list(self) -> Sequence[WebhookState]:
        """Return all webhooks, the oldest first."""

    async def get(self, webhook_id: UUID) -> WebhookState:
        """Return one.

        Raises:
            WebhookNotFound
        """

    async def deliveries(
        self, webhook_id: UUID, outcome: AttemptOutcome | None, limit: int, after: DeliveryPosition | None = None
    ) -> tuple[Sequence[Delivery], DeliveryPosition | None]:
        """Return up to `limit` attempts, newest first, and the position of the last one if there are more.

        Raises:
            WebhookNotFound
        """

    async def summary(self) -> WebhookSummary:
        """Count the webhooks."""


class WebhookUpkeep(Protocol):
    """Upkeep of the delivery log. Every call may be killed or repeated at any point.

    Raises:
        StorageUnavailable: in every call.
    """

    async def prepare(self) -> None:
        """Make room for the attempts of the next weeks."""

    async def drop_expired(self) -> int:
        """Drop the days of which no attempt is kept any more, and return how many."""


class SecretSeal(Protocol):
    """Encrypts the secrets of webhooks for the storage."""

    def close(self, webhook_id: UUID, secret: str) -> bytes:
        """Return the secret, sealed for this webhook."""

    def open(self, webhook_id: UUID, sealed: bytes) -> str | None:
        """Return the secret, None if it was sealed under another key."""


@dataclass(frozen=True, slots=True)
class Message:
    """An event on its way to a receiver at this time, with the secrets that sign it, the newest first."""

    url: str
    event_id: str
    body: bytes
    at: datetime
    secrets: Sequence[str]

    def __repr__(self) -> str:
        """Show no secret."""
        return f"Message({self.event_id})"


class WebhookSender(Protocol):
    """Sends one event once, in a bounded time."""

    async def __call__(self, message: Message) -> ReceiverAnswer:
        """Return the answer; no failure is raised."""
