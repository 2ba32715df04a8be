"""The port of the answers that are kept under idempotency keys."""

from datetime import timedelta

from application.catalogue.idempotency_keys import KeptAnswer
from storages.storage import HOUR, Storage, new_product

KEY, OTHER = bytes(range(32)), bytes(range(32, 64))
EXPIRED = timedelta(seconds=-1)
"""Shorter than any time for which something has been kept."""
KEPT = KeptAnswer(b"request\0\xff", '{"items" : ["Café", 1.50, null]}'.encode())
NEWER = KeptAnswer(b"another request", b'{"items":[%s]}' % b",".join(b'"%d"' % number for number in range(100_000)))


async def keep(storage: Storage, key: bytes = KEY, answer: KeptAnswer = KEPT) -> None:
    async with storage.begin() as work:
        await work.idempotency_keys.take(key, HOUR)
        await work.idempotency_keys.keep(key, answer)
        await work.commit()


async def kept(storage: Storage, key: bytes = KEY, duration: timedelta = HOUR) -> KeptAnswer | None:
    async with storage.begin() as work:
        return await work.idempotency_keys.take(key, duration)


async def test_a_kept_answer_comes_back_to_the_byte_under_its_key_alone(storage: Storage) -> None:
    assert await kept(storage) is None
    await keep(storage)
    assert await kept(storage) == KEPT
    assert await kept(storage, OTHER) is None


async def test_an_answer_expires_and_another_takes_its_place(storage: Storage) -> None:
    await keep(storage)
    assert await kept(storage, duration=EXPIRED) is None
    await keep(storage, answer=NEWER)
    assert await kept(storage) == NEWER


async def test_an_answer_in_the_place_of_another_is_kept_from_then_on(storage: Storage) -> None:
    await keep(storage)
    await storage.let_keys_age(HOUR)
    assert await kept(storage) is None
    await keep(storage, answer=NEWER)
    assert await kept(storage) == NEWER


async def test_without_commit_neither_the_key_nor_the_product_is_stored(storage: Storage) -> None:
    async with storage.begin() as work:
        await work.idempotency_keys.take(KEY, HOUR)
        await work.products.add(new_product())
        await work.idempotency_keys.keep(KEY, KEPT)
    assert await kept(storage) is None
    assert (await storage.reader.products(10)).items == []


async def test_a_key_is_free_again_once_the_unit_of_work_ended_in_any_way(storage: Storage) -> None:
    await keep(storage)
    for _ in range(3):
        assert await kept(storage) == KEPT


async def test_expired_keys_are_purged_a_bounded_number_at_a_time(storage: Storage) -> None:
    for number in range(5):
        await keep(storage, bytes([number]) * 32)
    assert await storage.purge.purge_idempotency_keys(HOUR, 10) == 0
    purged = [await storage.purge.purge_idempotency_keys(EXPIRED, 2) for _ in range(4)]
    assert purged == [2, 2, 1, 0]
    assert await kept(storage, bytes(32)) is None
