"""Faults of registering: lost replies, refusals, an upstream that forgets, a product deleted meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import pytest

from adapters.offers_api.gateway import HttpxOffersGateway
from adapters.offers_api.limits import HttpLimits
from application.synchronisation.batch_report import Outcome
from application.synchronisation.offers_gateway import OffersGateway
from application.synchronisation.timing import Timing
from domain.errors import ProductNotFound
from domain.product import RegistrationState
from e2e.divided_worker import LONG_LEASE, Durations
from e2e.faults.in_process_worker import InProcessWorker, new_in_process_worker
from e2e.ledger import assert_sound
from entrypoints.development.offers_simulator.product import Offer
from waiting import PATIENCE, until

OFFER = Offer("0" * 31 + "1", 100, 5)
PATIENT = Durations(
    Timing(lease=LONG_LEASE, batch_deadline=2 * PATIENCE), http=HttpLimits(read=2 * PATIENCE, call=2 * PATIENCE)
)
IMPATIENT_READ = 1.0
AN_HOUR_LATER = "UPDATE synchronisation SET not_before = not_before - interval '1 hour'"


class Held(httpx.AsyncBaseTransport):
    """The transport of calls to upstream: what comes of them is held back until it is let go.

    A call that is to hang waits only a moment for its answer; its failure is held back as well.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, *, impatient: bool) -> None:
        self._inner = inner
        self._impatient = impatient
        self.let_go = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._impatient:
            timeouts = request.extensions["timeout"] | {"read": IMPATIENT_READ}
            request.extensions = request.extensions | {"timeout": timeouts}
        try:
            return await self._inner.handle_async_request(request)
        finally:
            await self.let_go.wait()


@pytest.fixture
async def patient(new_database_dsn: Callable[[], str]) -> AsyncIterator[InProcessWorker]:
    """Give a worker that waits for an answer as long as a test may take."""
    async with new_in_process_worker(new_database_dsn(), durations=PATIENT) as in_process:
        yield in_process
        assert_sound(in_process)


async def test_fault_10_reply_of_register_lost_and_the_retry_meets_409(in_process: InProcessWorker) -> None:
    in_process.misbehave(lost={"register": {"times": 1}})
    product_id = await in_process.create()
    assert (await in_process.submit()).outcomes == {Outcome.FAILED: 1}
    assert (await in_process.shown(product_id)).registration.state is RegistrationState.PENDING
    in_process.make_due()
    in_process.misbehave(errors={"offers": {"status": 404}})  # so whose the id is can't be found out by asking
    assert (await in_process.submit()).outcomes == {Outcome.REGISTERED: 1}
    in_process.misbehave()
    assert (await in_process.refresh()).outcomes == {Outcome.OBSERVED: 1}
    assert (await in_process.shown(product_id)).registration.state is RegistrationState.REGISTERED
    assert in_process.simulator.simulation.world.offers(product_id, 0) is not None
    traffic = in_process.traffic(product_id)
    assert (traffic.registrations, traffic.register_calls, len(in_process.simulator.simulation.world)) == (1, 2, 1)


async def test_fault_10_an_id_that_upstream_knows_and_shows_is_registered(in_process: InProcessWorker) -> None:
    product_id = await in_process.create()
    in_process.simulator.simulation.world.register(product_id, 0)
    assert (await in_process.submit()).outcomes == {Outcome.REGISTERED: 1}
    assert (await in_process.refresh()).outcomes == {Outcome.OBSERVED: 1}


async def test_fault_11_422_and_a_foreign_id_end_visibly_without_a_retry_storm(in_process: InProcessWorker) -> None:
    rejected, foreign, good = [await in_process.create() for _ in range(3)]
    in_process.misbehave(reject_products=[str(rejected)], foreign_products=[str(foreign)])
    outcomes = {Outcome.REJECTED: 1, Outcome.CONFLICT: 1, Outcome.REGISTERED: 1}
    assert (await in_process.submit()).outcomes == outcomes
    for _ in range(4):
        in_process.execute(AN_HOUR_LATER)
        assert (await in_process.submit()).outcomes == {}
        await in_process.refresh()
    shown = [(await in_process.shown(id)).registration for id in (rejected, foreign, good)]
    assert [registration.state.value for registration in shown] == ["rejected", "conflict", "registered"]
    assert shown[0].detail == "body.name: value is not acceptable"
    assert shown[1].detail == "The Offers service has another product under this id."
    for product_id, registration in zip((rejected, foreign), shown, strict=False):
        synchronisation = await in_process.synchronisation(product_id)
        assert (synchronisation.last_error, synchronisation.next_attempt_at) == (registration.detail, None)
        assert synchronisation.consecutive_failures == 1
    calls = [(in_process.traffic(id).register_calls, in_process.traffic(id).offers_calls) for id in (rejected, foreign)]
    assert calls == [(1, 0), (1, 1)]


async def test_fault_12_each_forgotten_product_is_registered_again_once_and_stays_shown(
    in_process: InProcessWorker,
) -> None:
    products = [await in_process.watched(OFFER) for _ in range(3)]
    shown = {product_id: (await in_process.shown(product_id)).offers for product_id in products}
    for forgettings in (1, 2):
        in_process.simulator.simulation.world.forget()
        in_process.make_due()
        assert (await in_process.refresh()).outcomes == {Outcome.FORGOTTEN: 3}
        assert {id: (await in_process.shown(id)).offers for id in products} == shown
        in_process.make_due()
        assert (await in_process.submit()).outcomes == {Outcome.REGISTERED: 3}
        in_process.make_due()
        assert (await in_process.submit()).outcomes == {}
        assert {id: (await in_process.shown(id)).offers for id in products} == shown
        assert (await in_process.refresh()).outcomes == {Outcome.OBSERVED: 3}
        assert [in_process.traffic(id).registrations for id in products] == [1 + forgettings] * 3
    assert {id: (await in_process.shown(id)).offers for id in products} == shown
    assert [in_process.traffic(id).register_calls for id in products] == [3] * 3
    assert [in_process.history(id) for id in products] == [[]] * 3
    assert in_process.number("SELECT count(*) FROM product WHERE withdrawn_at IS NULL") == 3


@pytest.mark.parametrize("meanwhile", ["granted", "hangs"])
async def test_fault_13_deleted_while_a_registration_is_under_way(patient: InProcessWorker, meanwhile: str) -> None:
    in_process, other = patient, await patient.watched(OFFER)
    product_id = await in_process.create()
    async with answers_held(in_process, "register", meanwhile):
        submission = asyncio.create_task(in_process.submit())
        await until(lambda: in_process.traffic(product_id).register_calls)
        await in_process.withdraw(product_id)
    report = await submission
    assert (report.outcomes, report.defects) == ({Outcome.SUPERSEDED: 1}, [])
    in_process.misbehave()
    await assert_gone(in_process, product_id)
    assert (await in_process.refresh()).outcomes == {Outcome.OBSERVED: 1}
    assert [offer.price for offer in await in_process.offers(other)] == [100]


@pytest.mark.parametrize("meanwhile", ["granted", "hangs", "forgotten"])
async def test_fault_13_deleted_while_a_refresh_is_under_way(patient: InProcessWorker, meanwhile: str) -> None:
    in_process, product_id = patient, await patient.watched(OFFER)
    if meanwhile == "forgotten":
        in_process.simulator.simulation.world.forget()
    in_process.dictate(product_id, Offer(OFFER.id, 200, 5), Offer("0" * 31 + "2", 300, 5))
    calls = in_process.traffic(product_id).offers_calls
    async with answers_held(in_process, "offers", meanwhile):
        observation = asyncio.create_task(in_process.refresh())
        await until(lambda: in_process.traffic(product_id).offers_calls > calls)
        await in_process.withdraw(product_id)
    report = await observation
    assert (report.outcomes, report.defects) == ({Outcome.SUPERSEDED: 1}, [])
    in_process.misbehave()
    await assert_gone(in_process, product_id)
    assert in_process.query("SELECT price FROM offer WHERE product_id = %s", product_id) == [(100,)]


@asynccontextmanager
async def answers_held(in_process: InProcessWorker, endpoint: str, meanwhile: str) -> AsyncIterator[None]:
    """Keep calls of this endpoint under way while the block runs; calls before and after are as ever."""
    gateway = await in_process.container.get(OffersGateway)
    assert isinstance(gateway, HttpxOffersGateway)
    client, hangs = gateway._client, meanwhile == "hangs"
    transport, held = client._transport, Held(client._transport, impatient=hangs)
    if hangs:
        in_process.misbehave(hangs={endpoint: {}})
    client._transport = held
    try:
        yield
    finally:
        client._transport = transport
        held.let_go.set()


async def assert_gone(in_process: InProcessWorker, product_id: UUID) -> None:
    """Nothing shows the product, and nothing is attempted for it any more."""
    for read in (in_process.shown, in_process.synchronisation):
        with pytest.raises(ProductNotFound):
            await read(product_id)
    assert in_process.number("SELECT count(*) FROM product WHERE id = %s AND withdrawn_at IS NULL", product_id) == 0
    assert in_process.number("SELECT count(*) FROM synchronisation WHERE product_id = %s", product_id) == 0
    last_call = in_process.traffic(product_id).last_call
    in_process.make_due()
    await in_process.submit()
    assert in_process.traffic(product_id).last_call == last_call
