"""The port of the answers that are kept for requests that come again."""

import asyncio
from datetime import timedelta

from application.catalogue.idempotency_keys import KeptAnswer
from storages.storage import HOUR, Storage, new_product

KEY, OTHER = bytes(range(32)), bytes(range(32, 64))
EXPIRED = timedelta(seconds=-1)
"""What has been kept for no time at all has been kept for longer."""
ANSWER = KeptAnswer(b"request\0\xff", b'{"answer": "\0\xff"}')
NEWER = KeptAnswer(b"another request", b"another answer")


async def keep(storage: Storage, key: bytes = KEY, answer: KeptAnswer = ANSWER) -> None:
    async with storage.begin() as work:
        await work.answers.take(key, HOUR)
        await work.answers.keep(key, answer)
        await work.commit()


async def kept(storage: Storage, key: bytes = KEY, duration: timedelta = HOUR) -> KeptAnswer | None:
    async with storage.begin() as work:
        return await work.answers.take(key, duration)


async def test_a_kept_answer_comes_back_as_it_was_under_its_key_alone(storage: Storage) -> None:
    assert await kept(storage) is None
    await keep(storage)
    assert await kept(storage) == ANSWER
    assert await kept(storage, OTHER) is None


async def test_an_answer_expires_and_another_takes_its_place(storage: Storage) -> None:
    await keep(storage)
    assert await kept(storage, duration=EXPIRED) is None
    await keep(storage, answer=NEWER)
    assert await kept(storage) == NEWER


async def test_an_answer_in_the_place_of_another_is_kept_from_then_on(storage: Storage) -> None:
    await keep(storage)
    brief = timedelta(seconds=0.5)
    while await kept(storage, duration=brief) is not None:
        await asyncio.sleep(0.05)
    await keep(storage, answer=NEWER)
    assert await kept(storage, duration=brief) == NEWER


async def test_without_commit_neither_the_answer_nor_what_it_tells_of_is_stored(storage: Storage) -> None:
    async with storage.begin() as work:
        await work.answers.take(KEY, HOUR)
        await work.products.add(new_product())
        await work.answers.keep(KEY, ANSWER)
    assert await kept(storage) is None
    assert (await storage.reader.products(10)).items == []


async def test_a_key_is_free_again_once_the_unit_of_work_ended_in_any_way(storage: Storage) -> None:
    await keep(storage)
    for _ in range(3):
        assert await kept(storage) == ANSWER


async def test_expired_answers_are_purged_a_bounded_number_at_a_time(storage: Storage) -> None:
    for number in range(5):
        await keep(storage, bytes([number]) * 32)
    assert await storage.keeper.purge_answers(HOUR, 10) == 0
    purged = [await storage.keeper.purge_answers(EXPIRED, 2) for _ in range(4)]
    assert purged == [2, 2, 1, 0]
    assert await kept(storage, bytes(32)) is None
