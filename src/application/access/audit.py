"""The audit log's port for writers: a record for each write, in the transaction of the write."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self
from uuid import UUID

from application.access.actor import Actor

Fields = Mapping[str, object]
"""Values by the names of their fields, of types that JSON has, or times, ids and enumerations."""


class Action(StrEnum):
    """The kinds of writes."""

    PRODUCT_CREATED = "product.created"
    PRODUCT_AMENDED = "product.amended"
    PRODUCT_WITHDRAWN = "product.withdrawn"
    REGISTRATION_RETRIED = "product.registration_retried"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    ALERT_CREATED = "alert.created"
    ALERT_AMENDED = "alert.amended"
    ALERT_DELETED = "alert.deleted"
    WEBHOOK_CREATED = "webhook.created"
    WEBHOOK_AMENDED = "webhook.amended"
    WEBHOOK_DELETED = "webhook.deleted"
    WEBHOOK_ROTATED = "webhook.secret_rotated"
    WEBHOOK_PINGED = "webhook.pinged"
    WEBHOOK_REPLAYED = "webhook.replayed"
    LOGGED_IN = "admin.logged_in"


class SubjectKind(StrEnum):
    """The kinds of things that are written to."""

    PRODUCT = "product"
    KEY = "key"
    ALERT = "alert"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Subject:
    """The thing that was written to."""

    kind: SubjectKind
    id: str

    @classmethod
    def product(cls, product_id: UUID) -> Self:
        """Return the subject for a product."""
        return cls(SubjectKind.PRODUCT, str(product_id))

    @classmethod
    def key(cls, key_id: UUID) -> Self:
        """Return the subject for a key."""
        return cls(SubjectKind.KEY, str(key_id))

    @classmethod
    def alert(cls, alert_id: UUID) -> Self:
        """Return the subject for an alert."""
        return cls(SubjectKind.ALERT, str(alert_id))

    @classmethod
    def webhook(cls, webhook_id: UUID) -> Self:
        """Return the subject for a webhook."""
        return cls(SubjectKind.WEBHOOK, str(webhook_id))


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One write: `before` and `after` have the fields that changed, and never a secret.

    A creation has no `before`, a removal no `after`, a login has neither and no subject.
    """

    actor: Actor
    action: Action
    subject: Subject | None = None
    before: Fields | None = None
    after: Fields | None = None


def changed(before: Fields, after: Fields) -> tuple[Fields | None, Fields | None]:
    """Return both without the fields that are the same; None twice if all are."""
    names = [name for name in after if before[name] != after[name]]
    if not names:
        return None, None
    return {name: before[name] for name in names}, {name: after[name] for name in names}


class AuditLog(Protocol):
    """The audit log. For use inside a unit of work only, so that the record and the write commit together."""

    async def append(self, *entries: AuditEntry) -> None:
        """Add a record for each entry, all of them dated when the unit of work began, by the storage's clock."""
