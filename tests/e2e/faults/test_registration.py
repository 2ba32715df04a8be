"""Faults of registering: lost replies, refusals, an upstream that forgets, a product deleted meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import pytest

from adapters.offers_api.http_client import HttpLimits
from application.synchronisation.batch_report import Outcome
from domain.errors import ProductNotFound
from domain.product import RegistrationState
from e2e.divided_worker import Durations
from e2e.faults.in_process_worker import Station, working_station
from e2e.ledger import assert_sound
from entrypoints.development.offers_simulator.product import Offer
from waiting import until

OFFER = Offer("0" * 31 + "1", 100, 5)
IMPATIENT = Durations(http=HttpLimits(read=0.3, call=0.4))
AN_HOUR_LATER = "UPDATE synchronisation SET not_before = not_before - interval '1 hour'"


@pytest.fixture
async def impatient(new_database_dsn: Callable[[], str]) -> AsyncIterator[Station]:
    """Give a station that waits less than a second for an answer."""
    async with working_station(new_database_dsn(), durations=IMPATIENT) as station:
        yield station
        assert_sound(station)


async def test_fault_10_reply_of_register_lost_and_the_retry_meets_409(station: Station) -> None:
    station.misbehave(lost={"register": {"times": 1}})
    product_id = await station.create()
    assert (await station.submit()).outcomes == {Outcome.FAILED: 1}
    assert (await station.shown(product_id)).registration.state is RegistrationState.PENDING
    station.make_due()
    station.misbehave(errors={"offers": {"status": 404}})  # so whose the id is can't be found out by asking
    assert (await station.submit()).outcomes == {Outcome.REGISTERED: 1}
    station.misbehave()
    assert (await station.refresh()).outcomes == {Outcome.OBSERVED: 1}
    assert (await station.shown(product_id)).registration.state is RegistrationState.REGISTERED
    assert station.simulator.simulation.world.offers(product_id, 0) is not None
    traffic = station.traffic(product_id)
    assert (traffic.registrations, traffic.register_calls, len(station.simulator.simulation.world)) == (1, 2, 1)


async def test_fault_10_an_id_that_upstream_knows_and_shows_is_registered(station: Station) -> None:
    product_id = await station.create()
    station.simulator.simulation.world.register(product_id, 0)
    assert (await station.submit()).outcomes == {Outcome.REGISTERED: 1}
    assert (await station.refresh()).outcomes == {Outcome.OBSERVED: 1}


async def test_fault_11_422_and_a_foreign_id_end_visibly_without_a_retry_storm(station: Station) -> None:
    rejected, foreign, good = [await station.create() for _ in range(3)]
    station.misbehave(reject_products=[str(rejected)], foreign_products=[str(foreign)])
    outcomes = {Outcome.REJECTED: 1, Outcome.CONFLICT: 1, Outcome.REGISTERED: 1}
    assert (await station.submit()).outcomes == outcomes
    for _ in range(4):
        station.execute(AN_HOUR_LATER)
        assert (await station.submit()).outcomes == {}
        await station.refresh()
    shown = [(await station.shown(id)).registration for id in (rejected, foreign, good)]
    assert [registration.state.value for registration in shown] == ["rejected", "conflict", "registered"]
    assert shown[0].detail == "body.name: value is not acceptable"
    assert shown[1].detail == "The Offers service has another product under this id."
    for product_id, registration in zip((rejected, foreign), shown, strict=False):
        synchronisation = await station.synchronisation(product_id)
        assert (synchronisation.last_error, synchronisation.next_attempt_at) == (registration.detail, None)
        assert synchronisation.consecutive_failures == 1
    calls = [(station.traffic(id).register_calls, station.traffic(id).offers_calls) for id in (rejected, foreign)]
    assert calls == [(1, 0), (1, 1)]


async def test_fault_12_each_forgotten_product_is_registered_again_once_and_stays_shown(station: Station) -> None:
    products = [await station.watched(OFFER) for _ in range(3)]
    shown = {product_id: (await station.shown(product_id)).offers for product_id in products}
    for forgettings in (1, 2):
        station.simulator.simulation.world.forget()
        station.make_due()
        assert (await station.refresh()).outcomes == {Outcome.FORGOTTEN: 3}
        assert {id: (await station.shown(id)).offers for id in products} == shown
        station.make_due()
        assert (await station.submit()).outcomes == {Outcome.REGISTERED: 3}
        station.make_due()
        assert (await station.submit()).outcomes == {}
        assert {id: (await station.shown(id)).offers for id in products} == shown
        assert (await station.refresh()).outcomes == {Outcome.OBSERVED: 3}
        assert [station.traffic(id).registrations for id in products] == [1 + forgettings] * 3
    assert {id: (await station.shown(id)).offers for id in products} == shown
    assert [station.traffic(id).register_calls for id in products] == [3] * 3
    assert [station.history(id) for id in products] == [[]] * 3
    assert station.number("SELECT count(*) FROM product WHERE withdrawn_at IS NULL") == 3


@pytest.mark.parametrize("meanwhile", ["granted", "hangs"])
async def test_fault_13_deleted_while_a_registration_is_under_way(impatient: Station, meanwhile: str) -> None:
    station, other = impatient, await impatient.watched(OFFER)
    product_id = await station.create()
    delay(station, "register", meanwhile)
    submission = asyncio.create_task(station.submit())
    await until(lambda: station.traffic(product_id).register_calls)
    await station.withdraw(product_id)
    report = await submission
    assert (report.outcomes, report.defects) == ({Outcome.SUPERSEDED: 1}, [])
    station.misbehave()
    await assert_gone(station, product_id)
    assert (await station.refresh()).outcomes == {Outcome.OBSERVED: 1}
    assert [offer.price for offer in await station.offers(other)] == [100]


@pytest.mark.parametrize("meanwhile", ["granted", "hangs", "forgotten"])
async def test_fault_13_deleted_while_a_refresh_is_under_way(impatient: Station, meanwhile: str) -> None:
    station, product_id = impatient, await impatient.watched(OFFER)
    if meanwhile == "forgotten":
        station.simulator.simulation.world.forget()
    station.dictate(product_id, Offer(OFFER.id, 200, 5), Offer("0" * 31 + "2", 300, 5))
    calls = station.traffic(product_id).offers_calls
    delay(station, "offers", meanwhile)
    observation = asyncio.create_task(station.refresh())
    await until(lambda: station.traffic(product_id).offers_calls > calls)
    await station.withdraw(product_id)
    report = await observation
    assert (report.outcomes, report.defects) == ({Outcome.SUPERSEDED: 1}, [])
    station.misbehave()
    await assert_gone(station, product_id)
    assert station.query("SELECT price FROM offer WHERE product_id = %s", product_id) == [(100,)]


def delay(station: Station, endpoint: str, meanwhile: str) -> None:
    """Let calls of this endpoint be under way for a while."""
    if meanwhile == "hangs":
        station.misbehave(hangs={endpoint: {}})
    else:
        station.misbehave(latency={endpoint: {"p50": 150, "p99": 150}})


async def assert_gone(station: Station, product_id: UUID) -> None:
    """Nothing shows the product, and nothing is attempted for it any more."""
    for read in (station.shown, station.synchronisation):
        with pytest.raises(ProductNotFound):
            await read(product_id)
    assert station.number("SELECT count(*) FROM product WHERE id = %s AND withdrawn_at IS NULL", product_id) == 0
    assert station.number("SELECT count(*) FROM synchronisation WHERE product_id = %s", product_id) == 0
    last_call = station.traffic(product_id).last_call
    station.make_due()
    await station.submit()
    assert station.traffic(product_id).last_call == last_call
