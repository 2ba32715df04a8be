"""The unit of work, which all writing use-cases share."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    # So that a use-case of one room does not import the other rooms.
    from application.access.api_keys import KeyRepository
    from application.access.audit import AuditLog
    from application.alerts.repositories import AlertRepository, AlertStateRepository
    from application.catalogue.idempotency_keys import IdempotencyKeyRepository
    from application.catalogue.product_repository import ProductRepository
    from application.events.event_log import EventLog
    from application.synchronisation.repositories import OfferRepository, SynchronisationRepository
    from application.webhooks.ports import WebhookRepository


class UnitOfWork(Protocol):
    """One transaction over all repositories; leaving it without `commit` rolls everything back."""

    @property
    def products(self) -> "ProductRepository":
        """The products."""

    @property
    def synchronisations(self) -> "SynchronisationRepository":
        """Their schedule and leases."""

    @property
    def offers(self) -> "OfferRepository":
        """Their offers and history."""

    @property
    def idempotency_keys(self) -> "IdempotencyKeyRepository":
        """The answers kept for requests with a key."""

    @property
    def keys(self) -> "KeyRepository":
        """The API keys."""

    @property
    def audit(self) -> "AuditLog":
        """The audit log."""

    @property
    def events(self) -> "EventLog":
        """The event log."""

    @property
    def alerts(self) -> "AlertRepository":
        """The alerts."""

    @property
    def alert_states(self) -> "AlertStateRepository":
        """The states of alerts by product."""

    @property
    def webhooks(self) -> "WebhookRepository":
        """The webhooks."""

    async def now(self) -> datetime:
        """Return the storage's time, by which all schedules go."""

    async def commit(self) -> None:
        """Make everything durable.

        Raises:
            StorageUnavailable: the outcome is unknown.
        """


class BeginWork(Protocol):
    """Begins a unit of work: `async with begin() as work`. No network call to another service may stand inside.

    Raises:
        StorageUnavailable: on entering and in every call inside.
    """

    def __call__(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Return the unit of work, to be entered."""
