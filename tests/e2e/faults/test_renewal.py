"""Faults of renewing the shared access token: many processes, many lives, clocks that differ, a wrong refresh token."""

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID

from api_client.api import client_of
from application.synchronisation.access_token.timing import TokenTiming
from application.synchronisation.batch_report import Outcome
from application.synchronisation.offers_gateway import NotAuthorised, OffersGateway
from e2e.clients import ADMIN
from e2e.divided_worker import Durations
from e2e.faults.in_process_worker import InProcessWorker, new_in_process_worker, one_process
from e2e.faults.token_row import ALWAYS_LOOKS, TokenRow
from e2e.ledger import assert_sound
from e2e.processes import Processes
from entrypoints.development.offers_simulator.options import SimulatorOptions
from entrypoints.http.app import create_app

AUTHORISING = Path(__file__).with_name("authorising.py")
PRODUCT = UUID(int=7)


def tenth(seconds: float) -> timedelta:
    return timedelta(seconds=seconds / 10)


DIVIDED = Durations(
    token=TokenTiming(
        renewal_jitter=tenth(1),
        retries=(tenth(2), tenth(4), tenth(8), tenth(15)),
        proven_after=tenth(15),
        look_again=tenth(0.25),
    )
)


async def test_fault_03_eight_processes_that_start_with_no_token_make_one_call_to_auth(
    in_process: InProcessWorker, processes: Processes
) -> None:
    in_process.misbehave(latency={"auth": {"p50": 300, "p99": 300}})  # so that they all want one before there is one
    settings = {"DATABASE_URL": in_process.dsn, "OFFERS_BASE_URL": in_process.simulator.base_url}
    eight = processes.start("authorising", sys.executable, str(AUTHORISING), "8", environment=settings)
    without_a_token = await asyncio.to_thread(eight.exit_code)
    assert (without_a_token, in_process.auth_calls) == (0, ["201"])


async def test_fault_06_five_lives_in_a_row_and_clocks_that_differ(new_database_dsn: Callable[[], str]) -> None:
    """A tenth of all durations, but lives of a second or two; three systems side by side."""
    exact, behind, ahead = await asyncio.gather(
        live_through(new_database_dsn(), lives=5, lifetime=1, skew=0),
        live_through(new_database_dsn(), lives=2, lifetime=2, skew=-1),
        live_through(new_database_dsn(), lives=2, lifetime=2, skew=1),
    )
    for outcomes, _ in (exact, ahead):
        renewals = outcomes.count("201") - 1
        assert len(outcomes) - 1 <= 2 * renewals
    outcomes, shortest_gap = behind  # the end that we are told comes a second before upstream's
    renewals = outcomes.count("201") - 1
    assert len(outcomes) - 1 <= 7 * renewals
    assert shortest_gap >= 0.8 * 0.2


async def live_through(dsn: str, *, lives: int, lifetime: float, skew: float) -> tuple[list[str], float]:
    """Work on without a pause; return the calls to auth, and the shortest gap between two in seconds."""
    options = SimulatorOptions(seed=1, tick=1e6, token_lifetime=lifetime)
    async with new_in_process_worker(dsn, durations=DIVIDED, options=options) as in_process:
        in_process.misbehave(clock_skew=skew)
        in_process.simulator.simulation.world.register(PRODUCT, 0)
        gateway = await in_process.container.get(OffersGateway)
        async with asyncio.timeout(120):
            while in_process.auth_calls.count("201") <= lives:
                with suppress(NotAuthorised):
                    await gateway.offers_of(PRODUCT)
                await asyncio.sleep(0.02)
        assert_sound(in_process)
        at = [call.at for call in in_process.simulator.simulation.traffic.auth_calls]
        return in_process.auth_calls, min(after - before for before, after in pairwise(at))


async def test_fault_07_a_wrong_refresh_token_is_probed_once_a_minute_and_products_are_still_created(
    new_database_dsn: Callable[[], str],
) -> None:
    dsn = new_database_dsn()
    async with (
        new_in_process_worker(dsn, durations=ALWAYS_LOOKS, offers_refresh_token="wrong") as in_process,
        one_process(dsn, in_process.simulator, durations=ALWAYS_LOOKS, offers_refresh_token="wrong") as other,
        client_of(await create_app(in_process.container)) as http,
    ):
        row = TokenRow(in_process)
        admin = (await http.post("/login", json=ADMIN)).json()["access_token"]
        for probes in (1, 2, 3):
            product = {"name": f"Created {probes}", "description": ""}
            created = await http.post("/products", json=product, headers={"Authorization": f"Bearer {admin}"})
            assert (created.status_code, created.json()["registration"]["state"]) == (201, "pending")
            for _ in range(2):
                reports = await asyncio.gather(*(each() for each in (in_process.submit, other.submit, other.refresh)))
                assert {report.held_back is None for report in reports} == {False}
            assert in_process.auth_calls == ["401"] * probes
            last_probe = in_process.simulator.simulation.traffic.auth_calls[-1].at
            assert 60 <= row.due_in + time.time() - last_probe <= 60 + 30
            ready = await http.get("/health/ready")
            assert (ready.status_code, ready.json()["offers_service"]) == (200, "refused")
            assert await refusals(in_process) + await refusals(other) == probes
            row.make_due()
        assert in_process.simulator.simulation.traffic.products == {}
        async with one_process(dsn, in_process.simulator) as corrected:
            assert (await corrected.submit()).outcomes == {Outcome.REGISTERED: 3}
        assert_sound(in_process)


async def refusals(in_process: InProcessWorker) -> float:
    return await in_process.counted("aggregator_token_renewals_total", outcome="refused")
