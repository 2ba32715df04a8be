"""API keys as they are stored, and the ports to them. The text of a key is stored nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from application.access.actor import Scope

MOST_KEYS = 1_000
"""Keys in force at most, and keys that a list shows."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its text; `prefix` is its beginning, by which people tell keys apart.

    `last_used_at` is the minute of its last use.
    """

    id: UUID
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyInForce:
    """A key that is neither revoked nor expired; None as `expires_in` means never."""

    id: UUID
    name: str
    scopes: frozenset[Scope]
    expires_in: timedelta | None


class KeyRepository(Protocol):
    """The keys. For use inside a unit of work only."""

    async def add(self, key: ApiKey, digest: bytes) -> None:
        """Store a new key under the digest of its text."""

    async def get(self, key_id: UUID) -> ApiKey:
        """Return the key and lock it against other writers until the unit of work ends.

        Raises:
            KeyNotFound
        """

    async def revoke(self, key: ApiKey, at: datetime) -> None:
        """Revoke a key that this unit of work has got."""

    async def count_in_force(self) -> int:
        """Return the number of keys that are neither revoked nor expired, by the storage's clock."""


class KeyReader(Protocol):
    """The keys, as of now.

    Raises:
        StorageUnavailable: in every call.
    """

    async def list(self, at_most: int) -> Sequence[ApiKey]:
        """Return the keys: those in force first, then the others, both newest first."""

    async def in_force(self, digest: bytes) -> KeyInForce | None:
        """Return the key with this digest if it is in force by the storage's clock."""


class KeyUses(Protocol):
    """Remembers when keys were used."""

    def note(self, key_id: UUID) -> None:
        """Note a use now; return at once, and never raise.

        The minute of the use is stored soon after. It is lost if the process ends before the storage could be reached.
        """
