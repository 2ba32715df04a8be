"""Keys and the audit log kept in memory, as readers and the upkeep see them."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from application.access.api_keys import ApiKey, KeyInForce
from application.access.audit_records import AuditFilter, AuditPosition, AuditRecord
from fakes.access import in_force
from fakes.storage import InMemoryStorage


class InMemoryKeyReader:
    """See `KeyReader`; `reads` counts the keys that were looked up."""

    def __init__(self, storage: InMemoryStorage) -> None:
        self._storage = storage
        self.reads = 0

    async def list(self, at_most: int) -> Sequence[ApiKey]:
        self._storage.reach()
        now = self._storage.clock()
        newest = sorted(
            (key for key, _ in self._storage.rows.keys.values()), key=lambda key: key.created_at, reverse=True
        )
        return sorted(newest, key=lambda key: not in_force(key, now))[:at_most]

    async def in_force(self, digest: bytes) -> KeyInForce | None:
        self._storage.reach()
        self.reads += 1
        now = self._storage.clock()
        for key, stored in self._storage.rows.keys.values():
            if stored == digest and in_force(key, now):
                left = None if key.expires_at is None else key.expires_at - now
                return KeyInForce(key.id, key.name, frozenset(key.scopes), left)
        return None


class InMemoryKeyUses:
    """See `KeyUses`; uses are stored at once."""

    def __init__(self, storage: InMemoryStorage) -> None:
        self._storage = storage

    def note(self, key_id: UUID) -> None:
        keys = self._storage.rows.keys
        key, digest = keys[key_id]
        keys[key_id] = (replace(key, last_used_at=self._storage.clock().replace(second=0, microsecond=0)), digest)


class InMemoryAuditReader:
    """See `AuditReader`."""

    def __init__(self, storage: InMemoryStorage) -> None:
        self._storage = storage

    async def page(
        self, wanted: AuditFilter, limit: int, after: AuditPosition | None = None
    ) -> tuple[Sequence[AuditRecord], AuditPosition | None]:
        self._storage.reach()
        found = [record for record in self._storage.rows.audit if _passes(record, wanted)]
        found.sort(key=lambda record: (record.at, record.id), reverse=True)
        if after is not None:
            found = [record for record in found if (record.at, record.id) < (after.at, after.id)]
        records = found[:limit]
        return records, AuditPosition(records[-1].at, records[-1].id) if len(found) > limit else None


class InMemoryAuditUpkeep:
    """The log kept in memory needs no room, and is never dropped."""

    def __init__(self, storage: InMemoryStorage) -> None:
        self._storage = storage

    async def prepare(self) -> None:
        self._storage.reach()

    async def drop_expired(self) -> int:
        self._storage.reach()
        return 0


def _passes(record: AuditRecord, wanted: AuditFilter) -> bool:
    subject_id = None if record.subject is None else record.subject.id
    return (
        wanted.actor in (None, record.actor.id)
        and wanted.action in (None, record.action)
        and wanted.subject_id in (None, subject_id)
        and (wanted.since is None or record.at >= wanted.since)
        and (wanted.until is None or record.at < wanted.until)
    )
