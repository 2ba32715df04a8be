"""Keys and the audit log inside a unit of work in memory."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec

from application.access.api_keys import ApiKey
from application.access.audit import AuditEntry
from application.access.audit_records import AuditActor, AuditRecord
from domain.errors import KeyNotFound


def in_force(key: ApiKey, now: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


class InMemoryKeyRepository:
    """Keys with their digests, by id."""

    def __init__(self, keys: dict[UUID, tuple[ApiKey, bytes]], reach: Callable[[], None], now: datetime) -> None:
        self._keys = keys
        self._reach = reach
        self._now = now

    async def add(self, key: ApiKey, digest: bytes) -> None:
        self._reach()
        self._keys[key.id] = (key, digest)

    async def get(self, key_id: UUID) -> ApiKey:
        self._reach()
        if key_id not in self._keys:
            raise KeyNotFound(key_id)
        return self._keys[key_id][0]

    async def revoke(self, key: ApiKey, at: datetime) -> None:
        self._reach()
        self._keys[key.id] = (replace(key, revoked_at=at), self._keys[key.id][1])

    async def count_in_force(self) -> int:
        self._reach()
        return sum(in_force(key, self._now) for key, _ in self._keys.values())


class InMemoryAuditLog:
    """Records in the order in which they were appended."""

    def __init__(self, records: list[AuditRecord], reach: Callable[[], None], now: datetime) -> None:
        self._records = records
        self._reach = reach
        self._now = now

    async def append(self, *entries: AuditEntry) -> None:
        self._reach()
        self._records.extend(self._record(entry) for entry in entries)

    def _record(self, entry: AuditEntry) -> AuditRecord:
        actor = entry.actor
        before, after = (_as_json(fields) for fields in (entry.before, entry.after))
        return AuditRecord(
            uuid4(),
            self._now,
            AuditActor(actor.kind, actor.id, actor.name),
            entry.action,
            entry.subject,
            before,
            after,
            actor.request_id,
            actor.address,
        )


def _as_json(fields: Any) -> dict[str, Any] | None:
    decoded: dict[str, Any] | None = msgspec.json.decode(msgspec.json.encode(fields))
    return decoded
