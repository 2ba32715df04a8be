"""The file that keeps a simulator's world from one run to the next."""

import asyncio
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from development.offers_simulator.caller import OTHER, PRODUCT, START, Caller, ManualClock, by_id, calling
from entrypoints.development.offers_simulator.options import SimulatorOptions
from entrypoints.development.offers_simulator.world import MAX_SAVED, World, WorldState
from entrypoints.development.offers_simulator.world_file import MAX_BYTES, WorldFile
from waiting import until


@pytest.fixture
def options(tmp_path: Path) -> SimulatorOptions:
    return SimulatorOptions(world_file=tmp_path / "data" / "simulator.json", seed=7)


def saved(options: SimulatorOptions) -> WorldState:
    assert options.world_file is not None
    return msgspec.json.decode(options.world_file.read_bytes(), type=WorldState)


async def register(caller: Caller) -> None:
    await caller.auth()
    assert (await caller.register()).status_code == 201


async def test_the_next_run_goes_on_where_the_last_one_ended(options: SimulatorOptions, clock: ManualClock) -> None:
    async with calling(options, clock=clock) as caller:
        await register(caller)
        clock.now += 120
        before = by_id(await caller.offers())
    clock.now += 86_400  # prices stand still while nothing runs
    options = msgspec.structs.replace(options, seed=None)
    async with calling(options, clock=clock) as caller:
        await caller.auth()
        assert by_id(await caller.offers()) == before
        assert (await caller.state())["tick"] == 2
        assert (await caller.register()).status_code == 409
        assert saved(options).seed == 7
        clock.now += 60
        moved = by_id(await caller.offers())
        assert moved != before
        assert moved.keys() & before.keys()


async def test_a_run_that_is_killed_has_saved(options: SimulatorOptions, clock: ManualClock) -> None:
    options = msgspec.structs.replace(options, save_interval=0.001)
    async with calling(options, clock=clock) as caller:
        await register(caller)
        await until(lambda: UUID(PRODUCT) in saved(options).products)


async def test_a_registration_under_way_at_the_end_is_saved(options: SimulatorOptions, clock: ManualClock) -> None:
    clock.waits_end.clear()
    async with calling(options, clock=clock) as caller:
        caller.token = str(caller.simulator.simulation.tokens.issue(clock(), caller.simulator.simulation.faults))
        await caller.control(latency={"register": {"p50": 60_000, "p99": 60_000}}, hang_products=[OTHER])
        calls = [asyncio.create_task(caller.register(product)) for product in (PRODUCT, OTHER)]
        await until(lambda: caller.simulator.simulation.traffic.in_flight == 2)
        for call in calls:
            call.cancel()
    assert list(saved(options).products) == [UUID(PRODUCT)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"seed": 7, "products": {"',
        b"\xff\xfe",
        b"[]",
        b'{"seed": -1}',
        b'{"seed": 7, "products": {"seven": {}}}',
        b'{"seed": 7, "surprise": 1}',
        b'{"seed": 7, "products": {"%s": {"centre": 20000, "capacity": 1000000, "tick": 0, "offers": []}}}'
        % PRODUCT.encode(),
        b" " * (MAX_BYTES + 1),
    ],
    ids=[
        "empty",
        "torn",
        "binary",
        "a list",
        "bad seed",
        "bad product",
        "unknown field",
        "capacity",
        "too long",
    ],
)
async def test_a_damaged_file_is_named_in_one_line_and_replaced(
    options: SimulatorOptions, clock: ManualClock, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert options.world_file is not None
    options.world_file.parent.mkdir()
    options.world_file.write_bytes(content)
    async with calling(options, clock=clock) as caller:
        printed = capsys.readouterr().err
        assert printed.startswith(f"{options.world_file} is damaged and is replaced by a new world: ")
        assert printed.count("\n") == 1
        await register(caller)
    assert list(saved(options).products) == [UUID(PRODUCT)]


def test_the_file_keeps_the_last_state_that_could_be_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = WorldFile(tmp_path / "simulator.json")
    file.save(WorldState(1))
    in_the_way = tmp_path / "simulator.json.new"
    in_the_way.mkdir()
    for tick in (1, 2):
        file.save(WorldState(1, tick))
    assert capsys.readouterr().err.count("\n") == 1
    assert file.load() == WorldState(1)
    in_the_way.rmdir()
    file.save(WorldState(1, 3))
    assert file.load() == WorldState(1, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["simulator.json"]


def test_a_world_saves_the_products_that_came_first() -> None:
    world = World(WorldState(3), tick=60, sold_out="vanish", now=START)
    for number in range(MAX_SAVED + 1):
        world.register(UUID(int=number), START)
    state = world.state_at(START)
    assert len(state.products) == MAX_SAVED
    assert UUID(int=0) in state.products
    assert len(msgspec.json.encode(state)) < MAX_BYTES / 2


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        WorldFile(tmp_path).load()
