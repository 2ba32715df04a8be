"""How keys are made, verified and revoked."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from application.access.actor import OPERATOR, Scope
from application.access.api_keys import MOST_KEYS
from application.access.key_management import CreatedKey, CreateKey, RevokeKey
from application.access.key_text import new_key
from application.access.key_verification import VerifyKey
from application.storage import StorageUnavailable
from domain.errors import InvalidText, KeyNotFound, TooManyKeys
from factories import some_id
from fakes.access_readers import InMemoryKeyReader, InMemoryKeyUses
from fakes.storage import NOON, FakeClock, InMemoryStorage

A_SECOND, A_DAY = timedelta(seconds=1), timedelta(days=1)
SCOPES = [Scope.CATALOGUE_WRITE, Scope.AUDIT_READ]


@dataclass
class Access:
    clock: FakeClock = field(default_factory=FakeClock)
    at_most: int = 3

    def __post_init__(self) -> None:
        self.storage = InMemoryStorage(self.clock)
        self.reader = InMemoryKeyReader(self.storage)
        self.create, self.revoke = CreateKey(self.storage.begin), RevokeKey(self.storage.begin)
        self.verify = VerifyKey(self.reader, InMemoryKeyUses(self.storage), self._seconds, 5.0, self.at_most)

    def _seconds(self) -> float:
        return self.clock.now.timestamp()

    async def new(self, **given: timedelta) -> CreatedKey:
        expires_at = self.clock.now + given["expires_in"] if given else None
        return await self.create(name="Import", scopes=SCOPES, expires_at=expires_at, actor=OPERATOR)


@pytest.fixture
def access() -> Access:
    return Access()


async def test_a_new_key_is_verified_with_its_scopes(access: Access) -> None:
    created = await access.new()
    verified = await access.verify(created.text)
    assert verified is not None
    assert (verified.id, verified.name, verified.scopes) == (created.key.id, "Import", frozenset(SCOPES))
    assert created.text not in repr(created)
    assert created.text not in repr(access.storage.rows)


async def test_texts_that_are_no_keys_are_not_looked_up(access: Access) -> None:
    text = (await access.new()).text
    for typed in ("", "pak_", text[:-1], text[:-1] + ("A" if text[-1] != "A" else "B"), text + "A", "ä" * 62):
        assert await access.verify(typed) is None
    assert access.reader.reads == 0
    assert await access.verify(new_key()) is None
    assert access.reader.reads == 1


async def test_a_verified_key_is_not_read_again_for_five_seconds(access: Access) -> None:
    created = await access.new()
    for _ in range(3):
        assert await access.verify(created.text)
    access.clock.advance(4.9 * A_SECOND)
    assert await access.verify(created.text)
    assert access.reader.reads == 1
    access.clock.advance(0.1 * A_SECOND)
    assert await access.verify(created.text)
    assert access.reader.reads == 2


async def test_a_revoked_key_is_refused_after_five_seconds_at_most(access: Access) -> None:
    created = await access.new()
    assert await access.verify(created.text)
    await access.revoke(created.key.id, actor=OPERATOR)
    access.clock.advance(5 * A_SECOND)
    assert await access.verify(created.text) is None


async def test_the_five_seconds_begin_before_the_read(access: Access) -> None:
    """A revocation that commits while the key is read is not missed for longer."""
    created = await access.new()
    in_force = access.reader.in_force

    async def slow(digest: bytes) -> object:
        found = await in_force(digest)
        access.clock.advance(2 * A_SECOND)
        return found

    access.reader.in_force = slow  # type: ignore[method-assign, assignment]
    assert await access.verify(created.text)
    await access.revoke(created.key.id, actor=OPERATOR)
    access.clock.advance(3 * A_SECOND)
    assert await access.verify(created.text) is None


async def test_an_expired_key_is_refused_at_once(access: Access) -> None:
    created = await access.new(expires_in=7 * A_SECOND)
    access.clock.advance(6 * A_SECOND)
    assert await access.verify(created.text)
    access.clock.advance(A_SECOND)
    assert await access.verify(created.text) is None


async def test_no_more_keys_are_remembered_than_allowed(access: Access) -> None:
    texts = [(await access.new()).text for _ in range(5)]
    for text in texts:
        assert await access.verify(text)
    assert len(access.verify._verified) == access.at_most
    assert await access.verify(texts[-1])
    assert access.reader.reads == 5
    assert await access.verify(texts[0])
    assert access.reader.reads == 6


async def test_without_storage_only_remembered_keys_are_verified(access: Access) -> None:
    known, unknown = await access.new(), await access.new()
    assert await access.verify(known.text)
    access.storage.away = True
    assert await access.verify(known.text)
    with pytest.raises(StorageUnavailable):
        await access.verify(unknown.text)


async def test_a_use_is_noted_as_its_minute(access: Access) -> None:
    created = await access.new()
    access.clock.advance(83 * A_SECOND)
    await access.verify(created.text)
    assert access.storage.rows.keys[created.key.id][0].last_used_at == NOON + timedelta(minutes=1)


async def test_what_cannot_be_a_key_is_refused(access: Access) -> None:
    for wrong, given in (
        ("name", {"name": "  ", "scopes": SCOPES}),
        ("scopes", {"name": "Import", "scopes": []}),
        ("expires_at", {"name": "Import", "scopes": SCOPES, "expires_at": NOON}),
        ("expires_at", {"name": "Import", "scopes": SCOPES, "expires_at": NOON + 36_501 * A_DAY}),
    ):
        with pytest.raises(InvalidText) as refused:
            await access.create(**given, actor=OPERATOR)
        assert refused.value.field == wrong
    assert access.storage.rows.keys == {}


async def test_there_are_not_more_keys_in_force_than_a_list_shows(access: Access) -> None:
    first = await access.new()
    key, digest = access.storage.rows.keys[first.key.id]
    access.storage.rows.keys.update((some_id(), (key, digest)) for _ in range(MOST_KEYS - 1))
    with pytest.raises(TooManyKeys):
        await access.new()
    await access.revoke(first.key.id, actor=OPERATOR)
    await access.new()


async def test_a_key_is_revoked_once(access: Access) -> None:
    created = await access.new()
    await access.revoke(created.key.id, actor=OPERATOR)
    access.clock.advance(A_DAY)
    await access.revoke(created.key.id, actor=OPERATOR)
    assert access.storage.rows.keys[created.key.id][0].revoked_at == NOON
    with pytest.raises(KeyNotFound):
        await access.revoke(some_id(), actor=OPERATOR)
