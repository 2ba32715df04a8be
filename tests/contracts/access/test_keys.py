"""The ports of keys, on the fake and on PostgreSQL."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from application.access.actor import Scope
from application.access.api_keys import ApiKey
from domain.errors import KeyNotFound
from factories import some_id
from storages.storage import Storage, ago

HOUR = timedelta(hours=1)


def new_key(*, at: datetime | None = None, expires_at: datetime | None = None) -> ApiKey:
    scopes = (Scope.AUDIT_READ, Scope.CATALOGUE_WRITE)
    return ApiKey(some_id(), "Nightly import", "pak_7Qm2XbTe", scopes, at or ago(), expires_at)


async def add(storage: Storage, *keys: ApiKey) -> None:
    async with storage.begin() as work:
        for key in keys:
            await work.keys.add(key, key.id.bytes)
        await work.commit()


async def revoke(storage: Storage, key: ApiKey, at: datetime) -> None:
    async with storage.begin() as work:
        await work.keys.revoke(await work.keys.get(key.id), at)
        await work.commit()


async def test_a_key_comes_back_as_it_was_stored(storage: Storage) -> None:
    key = new_key(expires_at=ago(hours=-1))
    await add(storage, key)
    async with storage.begin() as work:
        assert await work.keys.get(key.id) == key
    assert await storage.keys.list(10) == [key]


async def test_there_is_no_other_key(storage: Storage) -> None:
    async with storage.begin() as work:
        with pytest.raises(KeyNotFound):
            await work.keys.get(some_id())
    assert await storage.keys.in_force(b"unknown") is None


async def test_a_key_is_in_force_until_it_is_revoked_or_has_expired(storage: Storage) -> None:
    endless, later, over = new_key(), new_key(expires_at=ago(hours=-1)), new_key(expires_at=ago(seconds=1))
    revoked = new_key(expires_at=ago(hours=-1))
    await add(storage, endless, later, over, revoked)
    await revoke(storage, revoked, ago())
    found = await storage.keys.in_force(endless.id.bytes)
    assert found is not None
    assert (found.id, found.name, found.scopes, found.expires_in) == (
        endless.id,
        endless.name,
        frozenset(endless.scopes),
        None,
    )
    ending = await storage.keys.in_force(later.id.bytes)
    assert ending is not None
    assert ending.expires_in is not None
    assert timedelta(0) < ending.expires_in <= HOUR
    assert await storage.keys.in_force(over.id.bytes) is None
    assert await storage.keys.in_force(revoked.id.bytes) is None
    async with storage.begin() as work:
        assert await work.keys.count_in_force() == 2


async def test_the_list_shows_keys_in_force_first_and_both_kinds_newest_first(storage: Storage) -> None:
    old, new = new_key(at=ago(hours=3)), new_key(at=ago(hours=2))
    expired, revoked = new_key(at=ago(hours=1), expires_at=ago(seconds=1)), new_key(at=ago())
    await add(storage, old, expired, revoked, new)
    at = ago()
    await revoke(storage, revoked, at)
    listed = [new, old, replace(revoked, revoked_at=at), expired]
    assert await storage.keys.list(10) == listed
    assert await storage.keys.list(3) == listed[:3]


async def test_a_revocation_without_commit_leaves_the_key_in_force(storage: Storage) -> None:
    key = new_key()
    await add(storage, key)
    async with storage.begin() as work:
        await work.keys.revoke(await work.keys.get(key.id), ago())
    assert await storage.keys.in_force(key.id.bytes)
