"""The shared access token against the simulator, at full durations on a clock that the test turns."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from adapters.offers_api.gateway import HttpxOffersGateway
from adapters.token_log import LoggedTokenEvents
from application.storage import StorageUnavailable
from application.synchronisation.access_token.issuing import IssuedToken
from application.synchronisation.access_token.secret import Secret
from application.synchronisation.access_token.shared_token import SharedAccessToken
from application.synchronisation.access_token.store import TokenState, token_state
from application.synchronisation.offers_gateway import NotAuthorised, OffersServiceUnavailable
from entrypoints.development.offers_simulator.app import RunningSimulator, running_simulator
from entrypoints.development.offers_simulator.faults import Chance, ErrorAnswer, Faults
from entrypoints.development.offers_simulator.options import DEFAULT_REFRESH_TOKEN, SimulatorOptions
from fakes.token_store import InMemoryTokenStore
from upstream.clients import gateway_of, issuer_of, shared_token_of

PRODUCT = UUID(int=7)
LOGGED = LoggedTokenEvents(lambda _: None)


@dataclass
class ManualClock:
    """Stands still until a test moves it; its hosts' and the upstream's clock alike."""

    now: datetime = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def epoch(self) -> float:
        return self.now.timestamp()

    def turn(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Process:
    """What one process has: a token object and a gateway."""

    token: SharedAccessToken
    gateway: HttpxOffersGateway

    async def works(self) -> bool:
        try:
            await self.gateway.offers_of(PRODUCT)
        except NotAuthorised:
            return False
        return True


@dataclass
class Scene:
    simulator: RunningSimulator
    clock: ManualClock
    stack: AsyncExitStack
    store: InMemoryTokenStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = InMemoryTokenStore(self.clock)
        self.simulator.simulation.world.register(PRODUCT, self.clock.epoch())

    def start_process(self, refresh_token: str = DEFAULT_REFRESH_TOKEN) -> Process:
        url = self.simulator.base_url
        issuer = issuer_of(url, refresh_token)
        token = shared_token_of(
            url, refresh_token, store=self.store, issue=issuer, clock=self.clock, jitter=lambda: 0.5, observe=LOGGED
        )
        gateway = gateway_of(url, token)
        for thing in (issuer, token, gateway):
            self.stack.push_async_callback(thing.aclose)
        return Process(token, gateway)

    def misbehave(self, **faults: Any) -> None:
        self.simulator.simulation.misbehave(Faults(**faults))

    @property
    def auth_calls(self) -> list[tuple[float, str]]:
        return [(call.at, call.outcome) for call in self.simulator.simulation.traffic.auth_calls]

    @property
    def shortest_gap(self) -> float:
        return min(after - before for (before, _), (after, _) in pairwise(self.auth_calls))

    async def seconds_until_it_works(self, process: Process, most: int) -> int:
        for passed in range(most):
            if await process.works():
                return passed
            self.clock.turn(1)
        raise AssertionError(f"no token after {most} s, calls: {self.auth_calls}")


@asynccontextmanager
async def playing() -> AsyncIterator[Scene]:
    clock = ManualClock()
    options = SimulatorOptions(seed=1)
    async with running_simulator(options, clock=clock.epoch) as simulator, AsyncExitStack() as stack:
        yield Scene(simulator, clock, stack)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with playing() as scene:
        yield scene


async def test_a_restart_while_the_token_lives_costs_no_call(scene: Scene) -> None:
    assert await scene.start_process().works()
    scene.clock.turn(200)
    assert await scene.start_process().works()
    assert len(scene.auth_calls) == 1


async def test_a_lost_row_is_made_good_within_15_seconds_of_the_expiry_and_readiness_says_so(scene: Scene) -> None:
    assert await scene.start_process().works()
    scene.store.rows.clear()
    scene.clock.turn(30)
    process = scene.start_process()
    assert not await process.works()
    assert await token_state(process.token.store, process.token.seal) is TokenState.ANOTHER_IS_VALID
    assert await scene.seconds_until_it_works(process, 400) <= 270 + 15
    assert [outcome for _, outcome in scene.auth_calls[1:-1]] == ["400"] * (len(scene.auth_calls) - 2)
    assert len(scene.auth_calls) <= 30
    gaps = [after - before for (before, _), (after, _) in pairwise(scene.auth_calls[1:])]
    assert [1.6 <= gaps[0] <= 3, 3.2 <= gaps[1] <= 5, 6.4 <= gaps[2] <= 9] == [True] * 3
    assert all(12 <= gap <= 15 for gap in gaps[3:])
    assert await token_state(process.token.store, process.token.seal) is TokenState.OK


async def test_probes_are_no_more_with_many_processes_and_restarts(scene: Scene) -> None:
    assert await scene.start_process().works()
    scene.store.rows.clear()
    processes = [scene.start_process() for _ in range(5)]
    for second in range(60):
        await asyncio.gather(*(process.works() for process in processes))
        processes[second % 5] = scene.start_process()
        scene.clock.turn(1)
    assert len(scene.auth_calls) <= 1 + 7
    assert scene.shortest_gap >= 1.6 or scene.auth_calls[0][0] == scene.auth_calls[1][0]


async def test_eight_processes_that_start_at_once_make_one_call(scene: Scene) -> None:
    processes = [scene.start_process() for _ in range(8)]
    await asyncio.gather(*(process.works() for process in processes))
    scene.clock.turn(1)
    assert all(await asyncio.gather(*(process.works() for process in processes)))
    assert len(scene.auth_calls) == 1


async def test_within_a_process_all_calls_wait_for_the_renewal_under_way(scene: Scene) -> None:
    process = scene.start_process()
    assert all(await asyncio.gather(*(process.works() for _ in range(20))))
    assert len(scene.auth_calls) == 1


async def test_a_batch_without_a_token_hardly_asks_the_storage(scene: Scene) -> None:
    scene.misbehave(errors={"auth": ErrorAnswer()})
    process = scene.start_process()
    assert not any(await asyncio.gather(*(process.works() for _ in range(100))))
    assert scene.store.calls.total() <= 3


async def test_a_lost_reply_of_auth_makes_no_tight_loop(scene: Scene) -> None:
    scene.misbehave(lost={"auth": Chance(times=1)})
    process = scene.start_process()
    assert await scene.seconds_until_it_works(process, 400) <= 300 + 15
    assert len(scene.auth_calls) <= 30
    assert scene.shortest_gap >= 1.6


async def test_a_401_before_the_expiry_leads_to_one_renewal_that_all_share(scene: Scene) -> None:
    processes = [scene.start_process() for _ in range(4)]
    for process in processes:
        assert await process.works()
    scene.clock.turn(100)
    scene.simulator.simulation.tokens.invalidate()
    burst = [process.works() for process in processes for _ in range(20)]
    await asyncio.gather(*burst)
    scene.clock.turn(1)
    assert all(await asyncio.gather(*(process.works() for process in processes)))
    assert [outcome for _, outcome in scene.auth_calls] == ["201", "201"]


async def test_a_late_401_does_not_throw_the_newer_token_away(scene: Scene) -> None:
    process, other = scene.start_process(), scene.start_process()
    old = await process.token.current()
    assert await other.works()
    scene.clock.turn(100)
    scene.simulator.simulation.tokens.invalidate()
    assert not await process.works()
    new = await process.token.current()
    await process.token.refused(old)
    await other.token.refused(old)
    assert await process.token.current() == await other.token.current() == new
    assert len(scene.auth_calls) == 2


async def test_a_token_refused_at_once_counts_as_a_failed_renewal(scene: Scene) -> None:
    scene.misbehave(token_dies_after=0)
    process = scene.start_process()
    for _ in range(60):
        await process.works()
        scene.clock.turn(1)
    assert await token_state(process.token.store, process.token.seal) is TokenState.FAILING
    assert len(scene.auth_calls) <= 7
    scene.misbehave()
    assert await scene.seconds_until_it_works(process, 16) <= 15


async def test_tokens_refused_at_once_are_counted_whoever_finds_out(scene: Scene) -> None:
    scene.misbehave(token_dies_after=0)
    for _ in range(60):
        with suppress(NotAuthorised):
            await scene.start_process().gateway.authorise()
        assert not await scene.start_process().works()
        scene.clock.turn(1)
    assert len(scene.auth_calls) <= 7


@pytest.mark.parametrize("skew", [0, 30, -30])
async def test_five_lives_in_a_row(scene: Scene, skew: int) -> None:
    scene.misbehave(clock_skew=skew)
    process = scene.start_process()
    lost = 0
    for _ in range(1500):
        lost += not await process.works()
        scene.clock.turn(1)
    renewals = [outcome for _, outcome in scene.auth_calls].count("201")
    if skew >= 0:
        assert lost <= 3 * renewals
        assert len(scene.auth_calls) <= 2 * renewals
    else:  # the end that we are told comes 30 s before the one that upstream goes by
        assert lost <= (30 + 15) * renewals
        assert len(scene.auth_calls) <= 7 * renewals
    assert scene.shortest_gap >= 1.6


async def test_nothing_is_asked_for_before_the_expiry(scene: Scene) -> None:
    process = scene.start_process()
    await process.gateway.authorise()
    scene.clock.turn(299)
    await process.gateway.authorise()
    scene.clock.turn(1.2)
    with pytest.raises(NotAuthorised):
        await process.gateway.authorise()
    assert len(scene.auth_calls) == 1
    scene.clock.turn(1)
    await process.gateway.authorise()
    assert [outcome for _, outcome in scene.auth_calls] == ["201", "201"]


async def test_a_wrong_refresh_token_is_probed_once_a_minute(scene: Scene) -> None:
    process = scene.start_process("wrong")
    for _ in range(300):
        assert not await process.works()
        scene.clock.turn(1)
    assert len(scene.auth_calls) <= 5
    assert scene.shortest_gap >= 60
    assert await token_state(process.token.store, process.token.seal) is TokenState.REFUSED


@pytest.mark.parametrize("answer", ["no_token", "null_token", "not_json"])
async def test_a_201_without_a_token_stores_nothing(scene: Scene, answer: str) -> None:
    scene.misbehave(auth_answer=answer)
    process = scene.start_process()
    assert not await process.works()
    assert [row.sealed for row in scene.store.rows.values()] == [None]
    assert await token_state(process.token.store, process.token.seal) is TokenState.FAILING
    scene.misbehave()
    assert await scene.seconds_until_it_works(process, 400) <= 300 + 15
    assert scene.shortest_gap >= 1.6


@pytest.mark.parametrize("answer", ["no_expires", "odd_expires", "not_jwt"])
async def test_a_token_that_does_not_tell_its_end_is_used_for_300_seconds(scene: Scene, answer: str) -> None:
    scene.misbehave(auth_answer=answer)
    process = scene.start_process()
    assert await process.works()
    scene.clock.turn(299)
    assert await process.works()
    scene.clock.turn(2)
    assert await process.works()
    assert [outcome for _, outcome in scene.auth_calls] == ["201", "201"]


@pytest.mark.parametrize("skew", [1e6, 601, -300, -1e6])
async def test_an_end_that_can_not_be_is_not_believed(scene: Scene, skew: float) -> None:
    scene.misbehave(clock_skew=skew)
    process = scene.start_process()
    assert await process.works()
    scene.clock.turn(299)
    assert await process.works()
    assert len(scene.auth_calls) == 1


async def test_retry_after_of_auth_is_honoured(scene: Scene) -> None:
    scene.misbehave(errors={"auth": ErrorAnswer(status=429)}, retry_after=45)
    process = scene.start_process()
    assert not await process.works()
    scene.misbehave()
    assert await scene.seconds_until_it_works(process, 60) >= 45


async def test_the_storage_may_be_away_while_a_new_token_comes(scene: Scene) -> None:
    process = scene.start_process()
    scene.store.away = {"keep"}
    assert not await process.works()
    scene.store.away = {"load"}
    scene.clock.turn(1)
    with pytest.raises(StorageUnavailable):
        await token_state(process.token.store, process.token.seal)
    assert await process.works()
    scene.store.away = set()
    assert await scene.start_process().works()
    assert len(scene.auth_calls) == 1


async def test_without_the_storage_there_is_no_token(scene: Scene) -> None:
    process = scene.start_process()
    scene.store.away = {"load"}
    assert not await process.works()
    assert scene.auth_calls == []
    scene.store.away = set()
    scene.clock.turn(1)
    assert await process.works()


class ScriptedIssuer:
    """Answers with the values that the test puts in, once it has."""

    def __init__(self) -> None:
        self.asked = asyncio.Semaphore(0)
        self.answers: asyncio.Queue[Secret | Exception] = asyncio.Queue()

    async def __call__(self) -> IssuedToken:
        self.asked.release()
        answer = await self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return IssuedToken(answer, None)


async def test_a_caller_that_is_cancelled_does_not_lose_the_token() -> None:
    clock, issuer = ManualClock(), ScriptedIssuer()
    token = shared_token_of("http://upstream", "r", store=InMemoryTokenStore(clock), issue=issuer, clock=clock)
    caller = asyncio.create_task(token.current())
    await issuer.asked.acquire()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await issuer.answers.put(Secret("new"))
    await token.aclose()
    assert await token.current() == Secret("new")


async def test_a_row_that_was_tampered_with_is_replaced(scene: Scene) -> None:
    assert await scene.start_process().works()
    scene.simulator.simulation.tokens.invalidate()
    for row in scene.store.rows.values():
        row.sealed = b"\0" * 64
    assert await scene.seconds_until_it_works(scene.start_process(), 5) <= 2


async def test_other_settings_have_a_row_of_their_own(scene: Scene) -> None:
    assert await scene.start_process().works()
    assert not await scene.start_process("another").works()
    assert len(scene.store.rows) == 2


async def test_no_secret_is_in_the_row_in_a_log_line_or_in_a_traceback(scene: Scene) -> None:
    with capture_logs() as lines:
        process = scene.start_process()
        token = await process.token.current()
        rows = repr(scene.store.rows)
        scene.clock.turn(20)
        scene.simulator.simulation.tokens.hand_to_stranger(scene.clock.epoch())
        assert not await process.works()
        with pytest.raises(NotAuthorised) as refusal:
            await process.gateway.authorise()
    shown = f"{rows} {lines} {token!r} {process.token!r} {''.join(traceback.format_exception(refusal.value))}"
    assert "access token renewed" in shown
    assert "another access token is valid" in shown
    assert DEFAULT_REFRESH_TOKEN not in shown
    assert token.reveal() not in shown
    assert token.reveal().encode() not in b"".join(row.sealed or b"" for row in scene.store.rows.values())


@pytest.mark.parametrize("text", ["", "two words", "line\nbreak", "ünïcode", "x" * 9_000])
def test_what_no_header_can_carry_is_no_token(text: str) -> None:
    with pytest.raises(ValueError, match="visible ASCII") as refusal:
        Secret(text)
    assert not text or text not in str(refusal.value)


async def test_a_lease_that_was_taken_over_voids_the_late_token() -> None:
    clock, issuer = ManualClock(), ScriptedIssuer()
    store = InMemoryTokenStore(clock)

    def start() -> SharedAccessToken:
        return shared_token_of("http://upstream", "r", store=store, issue=issuer, clock=clock)

    slow, fast = start(), start()
    first = asyncio.create_task(slow.current())
    await issuer.asked.acquire()
    with pytest.raises(NotAuthorised, match="being renewed"):
        await fast.current()
    assert await token_state(fast.store, fast.seal) is TokenState.RENEWING
    clock.turn(16)
    second = asyncio.create_task(fast.current())
    await issuer.asked.acquire()
    await issuer.answers.put(Secret("late"))
    with pytest.raises(NotAuthorised, match="another process"):
        await first
    await issuer.answers.put(OffersServiceUnavailable("timeout"))
    with pytest.raises(NotAuthorised, match="timeout"):
        await second
    assert await token_state(fast.store, fast.seal) is TokenState.FAILING


async def test_nobody_has_asked_yet(scene: Scene) -> None:
    stranger = scene.start_process(str(uuid4())).token
    assert await token_state(stranger.store, stranger.seal) is TokenState.NONE
    assert scene.auth_calls == []
