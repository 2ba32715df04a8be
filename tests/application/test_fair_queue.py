"""No caller keeps others from places, by holding them, by waiting for them, or by hanging up."""

import asyncio

import pytest

from application.bounded_queue import QueueFull
from application.fair_queue import FairQueue
from waiting import let_others_run


class Visits:
    """Requests that hold their place until the test ends them."""

    def __init__(self, queue: FairQueue) -> None:
        self.queue = queue
        self.inside: list[str] = []
        self.refused: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.leaving: dict[str, asyncio.Event] = {}

    async def arrive(self, *names: str) -> None:
        """Let requests come; the first letter is the caller."""
        for name in names:
            self.leaving[name] = asyncio.Event()
            self.tasks.append(asyncio.create_task(self._visit(name), name=name))
            await let_others_run()

    async def leave(self, name: str) -> None:
        self.leaving[name].set()
        await let_others_run()

    async def hang_up(self, name: str) -> None:
        next(task for task in self.tasks if task.get_name() == name).cancel()
        await let_others_run()

    async def _visit(self, name: str) -> None:
        try:
            async with self.queue.place(name[0]):
                self.inside.append(name)
                await self.leaving[name].wait()
        except QueueFull:
            self.refused.append(name)


async def test_one_caller_has_no_more_than_its_share_of_the_places() -> None:
    visits = Visits(FairQueue(at_once=3, each=2, waiting=5))
    await visits.arrive("a1", "a2", "a3", "b1")
    assert visits.inside == ["a1", "a2", "b1"]
    await visits.leave("a1")
    assert visits.inside == ["a1", "a2", "b1", "a3"]


async def test_callers_take_turns_and_one_callers_requests_are_in_order() -> None:
    visits = Visits(FairQueue(at_once=1, each=1, waiting=9))
    await visits.arrive("a1", "a2", "a3", "a4", "b1", "b2", "c1")
    for name in ("a1", "a2", "b1", "c1", "a3", "b2"):
        await visits.leave(name)
    assert visits.inside == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]
    assert not visits.refused


async def test_who_fills_the_waiting_room_makes_room_for_others_but_not_for_itself() -> None:
    visits = Visits(FairQueue(at_once=1, each=1, waiting=3))
    await visits.arrive("a1", "a2", "a3", "a4", "a5")
    assert visits.refused == ["a5"]
    await visits.arrive("b1")
    assert visits.refused == ["a5", "a4"]
    await visits.arrive("b2", "c1")
    assert visits.refused == ["a5", "a4", "b2", "a3"]
    # One each: no caller has more than another.
    await visits.arrive("d1", "a6")
    assert visits.refused == ["a5", "a4", "b2", "a3", "d1", "a6"]


async def test_without_a_waiting_room_who_finds_no_place_is_refused() -> None:
    visits = Visits(FairQueue(at_once=2, each=1))
    await visits.arrive("a1", "a2", "b1", "c1")
    assert visits.inside == ["a1", "b1"]
    assert visits.refused == ["a2", "c1"]


async def test_patience_ends() -> None:
    visits = Visits(FairQueue(at_once=1, each=1, waiting=1, patience=0.001))
    await visits.arrive("a1", "b1")
    await visits.tasks[1]
    assert visits.refused == ["b1"]
    await visits.leave("a1")
    await visits.arrive("c1")
    assert visits.inside == ["a1", "c1"]


@pytest.mark.parametrize("who", ["a1", "a2", "b1"])
async def test_who_hangs_up_leaves_nothing_behind(who: str) -> None:
    visits = Visits(FairQueue(at_once=1, each=1, waiting=2))
    await visits.arrive("a1", "a2", "b1")
    await visits.hang_up(who)
    for name in ("a1", "a2", "b1"):
        await visits.leave(name)
    await visits.arrive("c1", "c2", "c3", "c4")
    assert visits.inside[-1] == "c1"
    assert visits.refused == ["c4"]


async def test_a_place_that_comes_to_one_who_hangs_up_goes_to_the_next() -> None:
    visits = Visits(FairQueue(at_once=1, each=1, waiting=2))
    await visits.arrive("a1", "b1", "c1")
    visits.leaving["a1"].set()
    await asyncio.sleep(0)
    await visits.hang_up("b1")
    await visits.leave("b1")
    assert visits.inside[-1] == "c1"


async def test_who_hangs_up_in_the_moment_in_which_a_place_comes_free_gets_none() -> None:
    visits = Visits(FairQueue(at_once=1, each=1, waiting=2))
    await visits.arrive("a1", "b1", "c1")
    visits.tasks[1].cancel()
    await visits.leave("a1")
    assert visits.inside == ["a1", "c1"]


async def test_a_request_that_is_given_up_in_the_moment_in_which_another_needs_its_room_breaks_nothing() -> None:
    visits = Visits(FairQueue(at_once=1, each=1, waiting=2))
    await visits.arrive("a1", "b1", "b2")
    visits.tasks[2].cancel()
    await visits.arrive("c1")
    for name in ("a1", "b1", "c1"):
        await visits.leave(name)
    assert visits.inside == ["a1", "b1", "c1"]
