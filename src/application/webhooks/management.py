"""How admins and keys make, change, rotate and delete webhooks."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from application.access.actor import Actor
from application.access.audit import Action, AuditEntry, Fields, Subject, changed
from application.events.event_log import EventReader
from application.events.visible_events import visible_events
from application.unit_of_work import BeginWork
from application.webhooks.ports import SecretSeal
from application.webhooks.secrets import new_secret
from application.webhooks.targets import TargetPolicy, TargetRefused
from application.webhooks.webhook import DISABLED_BY_OWNER, MOST_CHOSEN, MOST_WEBHOOKS, Webhook
from domain.errors import InvalidText, TooManyWebhooks
from domain.event import EventType
from domain.product import clean_description

Chosen = TypeVar("Chosen")


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A webhook with its secret, which nobody can read again."""

    webhook: Webhook
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebhookChange:
    """The members that change; None leaves one as it is. An empty collection stands for all types, or all products."""

    url: str | None = None
    description: str | None = None
    types: Collection[EventType] | None = None
    product_ids: Collection[UUID] | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class CreateWebhook:
    """Make a webhook, which gets the events from now on."""

    begin: BeginWork
    events: EventReader
    seal: SecretSeal
    targets: TargetPolicy
    make_secret: Callable[[], str] = new_secret

    async def __call__(
        self,
        *,
        url: str,
        description: str = "",
        types: Collection[EventType] = (),
        product_ids: Collection[UUID] = (),
        actor: Actor,
    ) -> NewSecret:
        """Store a new webhook, and return it with its secret.

        Raises:
            InvalidText: the URL, the types or another member cannot be used.
            TooManyWebhooks
        """
        _check_url(self.targets, url)
        secret, webhook_id = self.make_secret(), uuid4()
        position = await self.events.latest()
        async with self.begin() as work:
            if await work.webhooks.count() >= MOST_WEBHOOKS:
                raise TooManyWebhooks(MOST_WEBHOOKS)
            webhook = Webhook(
                id=webhook_id,
                url=url,
                description=clean_description(description),
                types=_chosen("types", types),
                product_ids=_chosen("product_ids", product_ids),
                created_at=await work.now(),
                secret=self.seal.close(webhook_id, secret),
                position=position,
            )
            _check_types(webhook, actor)
            await work.webhooks.add(webhook)
            entry = AuditEntry(actor, Action.WEBHOOK_CREATED, Subject.webhook(webhook_id), after=_fields(webhook))
            await work.audit.append(entry)
            await work.commit()
        return NewSecret(webhook, secret)


@dataclass(frozen=True, slots=True)
class AmendWebhook:
    """Change a webhook, enable it or disable it."""

    begin: BeginWork
    targets: TargetPolicy

    async def __call__(self, webhook_id: UUID, change: WebhookChange, *, actor: Actor) -> None:
        """Make the change. One that was disabled goes on at its position, if it is enabled again.

        Raises:
            WebhookNotFound
            InvalidText: as for a new one.
        """
        async with self.begin() as work:
            webhook = await work.webhooks.get(webhook_id)
            before = _fields(webhook)
            self._apply(change, webhook)
            _check_types(webhook, actor)
            was, now = changed(before, _fields(webhook))
            if now is None:
                return
            await work.webhooks.save(webhook)
            await work.audit.append(AuditEntry(actor, Action.WEBHOOK_AMENDED, Subject.webhook(webhook_id), was, now))
            await work.commit()

    def _apply(self, change: WebhookChange, webhook: Webhook) -> None:
        if change.url is not None:
            _check_url(self.targets, change.url)
            webhook.url = change.url
        if change.description is not None:
            webhook.description = clean_description(change.description)
        if change.types is not None:
            webhook.types = _chosen("types", change.types)
        if change.product_ids is not None:
            webhook.product_ids = _chosen("product_ids", change.product_ids)
        if change.enabled is True and not webhook.enabled:
            webhook.enable()
        if change.enabled is False and webhook.enabled:
            webhook.disable(DISABLED_BY_OWNER)


@dataclass(frozen=True, slots=True)
class RotateSecret:
    """Replace a webhook's secret; both sign for a day."""

    begin: BeginWork
    seal: SecretSeal
    make_secret: Callable[[], str] = new_secret

    async def __call__(self, webhook_id: UUID, *, actor: Actor) -> NewSecret:
        """Store a new secret, and return it.

        Raises:
            WebhookNotFound
            InvalidText: the webhook gets events that the caller may not see.
        """
        secret = self.make_secret()
        async with self.begin() as work:
            webhook = await work.webhooks.get(webhook_id)
            _check_types(webhook, actor)
            webhook.rotate(self.seal.close(webhook_id, secret), await work.now())
            await work.webhooks.save(webhook)
            after = {"previous_secret_until": webhook.previous_until}
            await work.audit.append(AuditEntry(actor, Action.WEBHOOK_ROTATED, Subject.webhook(webhook_id), after=after))
            await work.commit()
        return NewSecret(webhook, secret)


@dataclass(frozen=True, slots=True)
class DeleteWebhook:
    """Delete a webhook, and what waits for it."""

    begin: BeginWork

    async def __call__(self, webhook_id: UUID, *, actor: Actor) -> None:
        """Delete the webhook. A call that is under way may still arrive.

        Raises:
            WebhookNotFound
        """
        async with self.begin() as work:
            webhook = await work.webhooks.get(webhook_id)
            await work.webhooks.remove(webhook)
            await work.audit.append(
                AuditEntry(actor, Action.WEBHOOK_DELETED, Subject.webhook(webhook_id), before=_fields(webhook))
            )
            await work.commit()


def _check_url(targets: TargetPolicy, url: str) -> None:
    try:
        targets.check_url(url)
    except TargetRefused as refused:
        raise InvalidText("url", str(refused)) from refused


def _check_types(webhook: Webhook, actor: Actor) -> None:
    # Whoever says where a webhook's events go, or can sign them, sees them.
    if not webhook.wanted.types <= visible_events(actor):
        raise InvalidText("types", "Events of alerts need the scope `alerts:read`, those of webhooks an admin.")


def _chosen(name: str, values: Collection[Chosen]) -> frozenset[Chosen] | None:
    if len(values) > MOST_CHOSEN:
        raise InvalidText(name, f"At most {MOST_CHOSEN} can be chosen.")
    return frozenset(values) or None


def _without_secrets(url: str) -> str:
    """Return the URL for the audit log: path and query may be a receiver's secret, so a digest stands for them."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/… ({sha256(url.encode()).hexdigest()[:8]})"


def _fields(webhook: Webhook) -> Fields:
    return {
        "url": _without_secrets(webhook.url),
        "description": webhook.description,
        "types": None if webhook.types is None else sorted(webhook.types),
        "product_ids": None if webhook.product_ids is None else sorted(map(str, webhook.product_ids)),
        "enabled": webhook.enabled,
    }
