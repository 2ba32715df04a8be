"""How admins make and revoke keys for machines, and how their logins are recorded."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from application.access.actor import Actor, Scope
from application.access.api_keys import MOST_KEYS, ApiKey
from application.access.audit import Action, AuditEntry, Subject
from application.access.key_text import digest_of, new_key, prefix_of
from application.unit_of_work import BeginWork
from domain.errors import InvalidText, TooManyKeys
from domain.product import clean_name

LONGEST_LIFE = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key with its text, which cannot be read again."""

    key: ApiKey
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CreateKey:
    """Make a key."""

    begin: BeginWork
    new_text: Callable[[], str] = new_key

    async def __call__(
        self, *, name: str, scopes: Collection[Scope], expires_at: datetime | None = None, actor: Actor
    ) -> CreatedKey:
        """Store a new key, and return it with its text.

        Raises:
            InvalidText: the name cannot be stored, there is no scope, or the expiry is not in the future.
            TooManyKeys
        """
        name, text = clean_name(name), self.new_text()
        if not scopes:
            raise InvalidText("scopes", "A key needs at least one scope.")
        async with self.begin() as work:
            now = await work.now()
            if expires_at is not None and not timedelta(0) < expires_at - now <= LONGEST_LIFE:
                raise InvalidText("expires_at", "The expiry must be in the future, and not more than 100 years away.")
            ends = None if expires_at is None else expires_at.astimezone(UTC)
            if await work.keys.count_in_force() >= MOST_KEYS:
                raise TooManyKeys(MOST_KEYS)
            key = ApiKey(uuid4(), name, prefix_of(text), tuple(sorted(set(scopes))), now, ends)
            await work.keys.add(key, digest_of(text))
            after = {"name": key.name, "prefix": key.prefix, "scopes": key.scopes, "expires_at": key.expires_at}
            await work.audit.append(AuditEntry(actor, Action.KEY_CREATED, Subject.key(key.id), after=after))
            await work.commit()
        return CreatedKey(key, text)


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """Revoke a key; a revoked one stays as it is."""

    begin: BeginWork

    async def __call__(self, key_id: UUID, *, actor: Actor) -> None:
        """Revoke the key. Processes that have just verified it accept it for a few seconds more.

        Raises:
            KeyNotFound
        """
        async with self.begin() as work:
            key = await work.keys.get(key_id)
            if key.revoked_at is not None:
                return
            now = await work.now()
            await work.keys.revoke(key, now)
            before, after = {"revoked_at": None}, {"revoked_at": now}
            await work.audit.append(AuditEntry(actor, Action.KEY_REVOKED, Subject.key(key.id), before, after))
            await work.commit()


@dataclass(frozen=True, slots=True)
class RecordLogin:
    """Record that an admin has logged in."""

    begin: BeginWork

    async def __call__(self, actor: Actor) -> None:
        """Add the record.

        Raises:
            StorageUnavailable: so the login must fail.
        """
        async with self.begin() as work:
            await work.audit.append(AuditEntry(actor, Action.LOGGED_IN))
            await work.commit()
