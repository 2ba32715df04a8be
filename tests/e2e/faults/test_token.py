"""Faults around the shared access token: restarts, a lost row, lost replies, refusals, answers without a token.

What is to come later is read from the row, and made due there.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack

import pytest

from application.synchronisation.batch_report import Outcome
from e2e.faults.in_process_worker import InProcessWorker, new_in_process_worker, one_process
from e2e.faults.token_row import ALWAYS_LOOKS, RETRIES, TokenRow
from e2e.ledger import assert_sound
from entrypoints.development.offers_simulator.product import Offer

OFFER = Offer("0" * 31 + "1", 100, 5)
STEPS = (*RETRIES, RETRIES[-1], RETRIES[-1])
SLACK = 45.0
"""Seconds that a slow machine may take between the renewal and the look at its row; the steps stay apart."""
EXPIRED = -600.0
RENEWALS = "aggregator_token_renewals_total"


@pytest.fixture
async def in_process(new_database_dsn: Callable[[], str]) -> AsyncIterator[InProcessWorker]:
    """Give a worker that asks for a token each time; afterwards its storage must be sound."""
    async with new_in_process_worker(new_database_dsn(), durations=ALWAYS_LOOKS) as in_process:
        yield in_process
        assert_sound(in_process)


@pytest.fixture
async def others(in_process: InProcessWorker) -> AsyncIterator[list[InProcessWorker]]:
    """Give two more processes on the same database, which know nothing yet."""
    async with AsyncExitStack() as stack:
        started = [one_process(in_process.dsn, in_process.simulator, durations=ALWAYS_LOOKS) for _ in range(2)]
        yield [await stack.enter_async_context(process) for process in started]


async def test_fault_01_a_restart_while_the_token_lives_costs_no_call_to_auth(in_process: InProcessWorker) -> None:
    async with one_process(in_process.dsn, in_process.simulator) as before:
        product_id = await before.watched(OFFER)
    assert in_process.auth_calls == ["201"]
    for _ in range(3):
        in_process.make_due()
        async with one_process(in_process.dsn, in_process.simulator) as restarted:
            assert (await restarted.refresh()).outcomes == {Outcome.OBSERVED: 1}
            assert (await restarted.readiness()).offers_service == "ok"
    assert in_process.auth_calls == ["201"]
    assert in_process.traffic(product_id).offers_served == 4


async def test_fault_02_token_row_lost_and_upstream_says_400(
    in_process: InProcessWorker, others: list[InProcessWorker]
) -> None:
    product_id = await in_process.watched(OFFER)
    shown = await in_process.shown(product_id)
    TokenRow(in_process).lose()
    created = await others[0].create()
    await assert_probed_on_schedule(others, STEPS)
    assert (await others[0].shown(product_id)).offers == shown.offers
    assert (await others[0].shown(created)).registration.state.value == "pending"
    assert (await others[0].synchronisation(product_id)).consecutive_failures == 0
    assert (in_process.traffic(product_id).offers_calls, in_process.traffic(created).register_calls) == (1, 0)
    await assert_recovers(others, registered=1, observed=2)


async def test_fault_04_reply_of_auth_lost_makes_no_tight_loop(
    in_process: InProcessWorker, others: list[InProcessWorker]
) -> None:
    in_process.misbehave(lost={"auth": {"times": 1}})
    await in_process.create()
    assert (await in_process.submit()).held_back == "no access token: connection failed"
    assert in_process.auth_calls == ["lost"]
    assert 0.8 * STEPS[0] - SLACK < TokenRow(in_process).due_in <= 0.9 * STEPS[0]
    assert (await in_process.readiness()).offers_service == "failing"
    await everybody_tries([in_process, *others])
    assert in_process.auth_calls == ["lost"]
    TokenRow(in_process).make_due()
    await assert_probed_on_schedule([in_process, *others], STEPS[1:])
    await assert_recovers([in_process, *others], registered=1, observed=1)


async def test_fault_05_a_401_before_expiry_leads_to_one_renewal_and_the_products_stay_due(
    in_process: InProcessWorker, others: list[InProcessWorker]
) -> None:
    products = [await in_process.watched(OFFER) for _ in range(3)]
    TokenRow(in_process).make_old()
    first, second = others
    for process in others:
        await (await process.token()).current()
    in_process.simulator.simulation.tokens.invalidate()

    assert (await first.refresh()).outcomes == {Outcome.POSTPONED: 3}
    states = [await first.synchronisation(id) for id in products]
    assert [(state.consecutive_failures, state.last_error) for state in states] == [(0, None)] * 3
    assert (await first.refresh()).outcomes == {Outcome.OBSERVED: 3}

    in_process.make_due()
    assert (await second.refresh()).outcomes == {Outcome.POSTPONED: 3}  # it has learned of the old one's end only now
    assert (await second.refresh()).outcomes == {Outcome.OBSERVED: 3}
    assert in_process.auth_calls == ["201", "201"]
    assert [await process.counted(RENEWALS, outcome="dropped") for process in others] == [1, 0]


@pytest.mark.parametrize("answer", ["no_token", "null_token", "not_json"])
async def test_fault_08_a_201_without_a_token_stores_nothing(
    in_process: InProcessWorker, others: list[InProcessWorker], answer: str
) -> None:
    in_process.misbehave(auth_answer=answer)
    product_id = await in_process.create()
    reason = "no access token: the answer to the request for a token has no usable one"
    assert (await in_process.submit()).held_back == reason
    row = TokenRow(in_process)
    assert (row.sealed, row.failures) == (None, 1)
    assert 0.8 * STEPS[0] - SLACK < row.due_in <= 0.9 * STEPS[0]
    assert (await in_process.readiness()).offers_service == "failing"
    assert await in_process.counted(RENEWALS, outcome="failing") == 1
    await everybody_tries([in_process, *others])
    assert in_process.auth_calls == ["201"]
    assert in_process.traffic(product_id).register_calls == 0
    row.make_due()
    await assert_recovers([in_process, *others], registered=1, observed=1)


@pytest.mark.parametrize("answer", ["no_expires", "odd_expires", "not_jwt"])
async def test_fault_08_a_token_without_a_readable_expires_is_used_for_300_seconds(
    in_process: InProcessWorker, others: list[InProcessWorker], answer: str
) -> None:
    in_process.misbehave(auth_answer=answer)
    await in_process.watched(OFFER)
    assert 300 - 30 < TokenRow(in_process).expires_in <= 300
    assert (await others[0].refresh()).outcomes == {Outcome.OBSERVED: 1}
    assert in_process.auth_calls == ["201"]


async def everybody_tries(processes: Sequence[InProcessWorker]) -> None:
    """Let all of them ask for all that is due, at the same time; there must be no token for any."""
    tries = (work() for process in processes for work in (process.submit, process.refresh))
    assert [report for report in await asyncio.gather(*tries) if report.held_back is None] == []


async def assert_probed_on_schedule(processes: Sequence[InProcessWorker], steps: Sequence[int]) -> None:
    """While another token is valid upstream, all processes together ask once after each of these seconds."""
    in_process, row = processes[0], TokenRow(processes[0])
    for step in steps:
        calls = len(in_process.auth_calls)
        await everybody_tries(processes)
        await everybody_tries(processes)
        assert in_process.auth_calls[calls:] == ["400"]
        assert 0.8 * step - SLACK < row.due_in <= 0.9 * step
        readiness = await in_process.readiness()
        assert (readiness.status, readiness.offers_service) == ("ok", "another token is valid")
        row.make_due()


async def assert_recovers(processes: Sequence[InProcessWorker], *, registered: int, observed: int) -> None:
    """Once upstream's token has expired, the next probe brings a new one, with which all of them work."""
    in_process = processes[0]
    calls = len(in_process.auth_calls)
    in_process.misbehave(expiry_slack=EXPIRED)
    await (await in_process.token()).current()
    in_process.misbehave()
    assert (await in_process.submit()).outcomes == {Outcome.REGISTERED: registered}
    assert (await processes[-1].refresh()).outcomes == {Outcome.OBSERVED: observed}
    assert in_process.auth_calls[calls:] == ["201"]
    assert [(await process.readiness()).offers_service for process in processes] == ["ok"] * len(processes)
