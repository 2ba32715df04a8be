"""Callers who are served in groups: each gets what is his, and nothing that was read before he asked."""

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from application import grouping
from application.grouping import AT_ONCE, ENOUGH, LARGEST_GROUP, Grouped
from application.unit_of_work import StorageUnavailable
from waiting import standstill

ONE, OTHER, MISSING = UUID(int=1), UUID(int=2), UUID(int=3)


@dataclass
class Store:
    """Rows whose reads can be held up; each sees the rows as they are when it begins."""

    rows: dict[UUID, str] = field(default_factory=lambda: {ONE: "one", OTHER: "other"})
    groups: list[list[UUID]] = field(default_factory=list)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    failure: Exception | None = None

    async def read(self, ids: Sequence[UUID]) -> Sequence[str | None]:
        self.groups.append(list(ids))
        found = [self.rows.get(id) for id in ids]
        await self.free.wait()
        if self.failure:
            raise self.failure
        return found


async def occupy_all_places(reads: Grouped[UUID, str | None]) -> list[asyncio.Task[str | None]]:
    """Let one after the other ask alone, until as many are under way as may be."""
    asked = []
    for _ in range(AT_ONCE):
        asked.append(asyncio.create_task(reads(ONE)))
        await standstill()
    return asked


async def test_who_comes_together_shares_a_statement_and_gets_what_is_his() -> None:
    store = Store()
    store.free.set()
    reads = Grouped(store.read)
    found = await asyncio.gather(*(reads(id) for id in (ONE, MISSING, OTHER, ONE)))
    assert list(found) == ["one", None, "other", "one"]
    assert store.groups == [[ONE, MISSING, OTHER, ONE]]


async def test_who_is_still_on_his_way_comes_along() -> None:
    store = Store()
    store.free.set()
    reads = Grouped(store.read)

    async def ask_later(turns: int) -> str | None:
        for _ in range(turns):
            await asyncio.sleep(0)
        return await reads(ONE)

    assert await asyncio.gather(*(ask_later(turns) for turns in range(ENOUGH))) == ["one"] * ENOUGH
    assert [len(group) for group in store.groups] == [ENOUGH]


async def test_nobody_waits_for_a_stream_of_others_to_end() -> None:
    store = Store()
    reads = Grouped(store.read)
    asked = []
    for turn in range(2 * ENOUGH):
        asked.append(asyncio.create_task(reads(ONE)))
        await asyncio.sleep(0)
        if turn == ENOUGH + 2:
            assert [len(group) for group in store.groups] == [ENOUGH]
    store.free.set()
    await asyncio.gather(*asked)


async def test_who_comes_alone_waits_for_nobody() -> None:
    store = Store()
    asked = await occupy_all_places(Grouped(store.read))
    assert store.groups == [[ONE]] * AT_ONCE
    store.free.set()
    await asyncio.gather(*asked)


async def test_nobody_gets_what_was_read_before_he_asked() -> None:
    store = Store()
    reads = Grouped(store.read)
    before = asyncio.create_task(reads(ONE))
    await standstill()
    store.rows[ONE] = "changed"
    after = asyncio.create_task(reads(ONE))
    await standstill()
    store.free.set()
    assert await before == "one"
    assert await after == "changed"


async def test_a_group_is_no_larger_than_it_may_be_and_all_are_served() -> None:
    store = Store(rows={UUID(int=number): str(number) for number in range(3 * LARGEST_GROUP)})
    reads = Grouped(store.read)
    asked = [asyncio.create_task(reads(id)) for id in store.rows]
    await standstill()
    assert len(store.groups) == AT_ONCE
    store.free.set()
    assert await asyncio.gather(*asked) == list(store.rows.values())
    assert max(map(len, store.groups)) == LARGEST_GROUP


async def test_many_share_the_free_places_alike_and_few_share_one() -> None:
    for asked, groups in ((ENOUGH, [ENOUGH]), (3 * ENOUGH, [3 * ENOUGH // AT_ONCE] * AT_ONCE)):
        store = Store()
        store.free.set()
        reads = Grouped(store.read)
        await asyncio.gather(*(reads(ONE) for _ in range(asked)))
        assert [len(group) for group in store.groups] == groups


async def test_a_failure_is_that_of_all_who_share_it_and_of_nobody_after() -> None:
    store = Store(failure=StorageUnavailable("gone"))
    store.free.set()
    reads = Grouped(store.read)
    answers = await asyncio.gather(*(reads(id) for id in (ONE, OTHER)), return_exceptions=True)
    assert answers == [store.failure, store.failure]
    store.failure = None
    assert await reads(ONE) == "one"


@pytest.mark.parametrize("failure", [None, StorageUnavailable("gone")])
async def test_who_gives_up_does_not_disturb_the_others(failure: Exception | None) -> None:
    store = Store(failure=failure)
    reads = Grouped(store.read)
    impatient, patient = asyncio.create_task(reads(ONE)), asyncio.create_task(reads(ONE))
    await standstill()
    impatient.cancel()
    await standstill()
    store.free.set()
    (answer,) = await asyncio.gather(patient, return_exceptions=True)
    assert answer == (failure or "one")
    assert impatient.cancelled()
    store.failure = None
    assert await reads(OTHER) == "other"


async def test_who_waits_for_a_turn_for_too_long_is_refused_and_the_next_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grouping, "TURN_SECONDS", 0.05)
    store = Store()
    reads = Grouped(store.read)
    held = await occupy_all_places(reads)
    refused = [asyncio.create_task(reads(OTHER)) for _ in range(2 * LARGEST_GROUP)]
    for waiting in refused:
        with pytest.raises(StorageUnavailable):
            await waiting
    in_time = asyncio.create_task(reads(OTHER))
    await standstill()
    store.free.set()
    assert await asyncio.gather(*held, in_time) == ["one"] * AT_ONCE + ["other"]


async def test_a_group_is_served_in_no_callers_context() -> None:
    request: ContextVar[str] = ContextVar("request", default="none")
    seen: list[str] = []

    async def serve(asked: Sequence[int]) -> Sequence[int]:
        seen.append(request.get())
        return asked

    grouped = Grouped(serve)

    async def ask(number: int) -> int:
        request.set(f"request {number}")
        return await grouped(number)

    asked = 3 * LARGEST_GROUP
    assert await asyncio.gather(*(ask(number) for number in range(asked))) == list(range(asked))
    assert set(seen) == {"none"}


async def test_who_has_given_up_before_is_not_read_for() -> None:
    store = Store()
    reads = Grouped(store.read)
    held = await occupy_all_places(reads)
    waiting = asyncio.create_task(reads(OTHER))
    await standstill()
    waiting.cancel()
    await standstill()
    store.free.set()
    await asyncio.gather(*held)
    await standstill()
    assert store.groups == [[ONE]] * AT_ONCE
