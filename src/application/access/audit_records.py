"""The audit log's ports for readers and for its upkeep."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from application.access.actor import ActorKind
from application.access.audit import Action, Subject


@dataclass(frozen=True, slots=True)
class AuditActor:
    """The caller of the write: an admin, whose id is the name, or a key, with the name that it had then."""

    kind: ActorKind
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One write. `before` and `after` have the fields that changed; null where there is no such state."""

    id: UUID
    at: datetime
    actor: AuditActor
    action: Action
    subject: Subject | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str | None
    address: str | None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """The records that a list shows: those that pass every given filter; `since` is inclusive, `until` exclusive."""

    actor: str | None = None
    action: Action | None = None
    subject_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditPosition:
    """The time and the id of a page's last record; the next page begins behind it."""

    at: datetime
    id: UUID


class AuditReader(Protocol):
    """The audit log, newest first; records of one time are in the descending order of their ids."""

    async def page(
        self, wanted: AuditFilter, limit: int, after: AuditPosition | None = None
    ) -> tuple[Sequence[AuditRecord], AuditPosition | None]:
        """Return up to `limit` records, and the position of the last one if there are more.

        Raises:
            StorageUnavailable
        """


class AuditUpkeep(Protocol):
    """Upkeep of the audit log. Every call may be killed or repeated at any point.

    Raises:
        StorageUnavailable: in every call.
    """

    async def prepare(self) -> None:
        """Make room for the records of the next few months."""

    async def drop_expired(self) -> int:
        """Drop the months of which no record is kept any more, and return how many."""
