"""Errors, cut connections, lost answers, hangs and latency."""

import asyncio
import random
import statistics

import httpx
import pytest

from development.offers_simulator.caller import ANOTHER_IS_VALID, OTHER, PRODUCT, Caller, ManualClock, calling
from entrypoints.development.offers_simulator.faults import Latency
from entrypoints.development.offers_simulator.options import SimulatorOptions
from waiting import until


@pytest.mark.parametrize("endpoint", ["auth", "register", "offers"])
async def test_an_error_strikes_one_endpoint_and_nothing_is_done(known: Caller, endpoint: str) -> None:
    await known.control(errors={endpoint: {"status": 500}}, invalidate_token=True)
    struck = endpoint == "auth"
    assert (await known.auth()).status_code == (500 if struck else 201)
    await known.control(errors={endpoint: {"status": 500}} if not struck else {})
    if struck:
        assert (await known.auth()).status_code == 201
    assert (await known.register(OTHER)).status_code == (500 if endpoint == "register" else 201)
    assert (await known.offers()).status_code == (500 if endpoint == "offers" else 200)
    await known.control(errors={})
    assert (await known.register(OTHER)).status_code == (201 if endpoint == "register" else 409)


async def test_a_fault_for_all_gives_way_to_an_endpoints_own(known: Caller) -> None:
    await known.control(errors={"all": {"status": 500}, "offers": {"rate": 0}})
    assert (await known.register(OTHER)).status_code == 500
    assert (await known.offers()).status_code == 200


async def test_a_fault_strikes_a_share_of_the_calls(known: Caller) -> None:
    await known.control(errors={"offers": {"rate": 0.5}})
    failed = [(await known.offers()).status_code == 503 for _ in range(200)]
    assert 60 < sum(failed) < 140


async def test_a_fault_stops_after_the_times_it_was_given(known: Caller) -> None:
    await known.control(errors={"offers": {"status": 502, "times": 2}})
    assert [(await known.offers()).status_code for _ in range(4)] == [502, 502, 200, 200]


@pytest.mark.parametrize("value", [7, "Wed, 21 Oct 2026 07:28:00 GMT", "soon"])
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_goes_with_429_and_503(known: Caller, status: int, value: int | str) -> None:
    await known.control(errors={"all": {"status": status}}, retry_after=value)
    response = await known.offers()
    assert (response.status_code, response.headers["Retry-After"]) == (status, str(value))
    await known.control(errors={"all": {"status": 500}})
    assert "Retry-After" not in (await known.offers()).headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_leads_to_where_followers_are_counted(known: Caller, status: int) -> None:
    await known.control(errors={"offers": {"status": status}})
    assert (await known.offers()).status_code == status
    assert "other" not in (await known.state())["calls"]
    assert (await known.offers(follow_redirects=True)).status_code == 404
    assert (await known.state())["calls"]["other"] == {"404": 1}


async def test_an_unnamed_status_is_answered_too(known: Caller) -> None:
    await known.control(errors={"offers": {"status": 599}})
    assert (await known.offers()).status_code == 599


async def test_the_body_of_any_failure_can_be_chosen(known: Caller) -> None:
    await known.control(bodies={"409": "[1", "401": ""})
    assert (await known.register()).text == "[1"
    known.token = "stranger"
    response = await known.offers()
    assert (response.status_code, response.text) == (401, "")


async def test_a_lost_registration_was_done(known: Caller) -> None:
    await known.control(lost={"register": {"times": 1}})
    with pytest.raises(httpx.RemoteProtocolError):
        await known.register(OTHER)
    assert (await known.state())["calls"]["register"] == {"201": 1, "lost": 1}
    assert (await known.register(OTHER)).status_code == 409
    assert (await known.offers(OTHER)).status_code == 200
    assert (await known.state(f"/products/{OTHER}"))["traffic"]["registrations"] == 1


async def test_a_lost_token_was_issued(caller: Caller) -> None:
    await caller.control(lost={"auth": {}})
    with pytest.raises(httpx.RemoteProtocolError):
        await caller.auth()
    await caller.control(lost={})
    assert (await caller.auth()).json() == ANOTHER_IS_VALID


async def test_lost_offers_never_arrive(known: Caller) -> None:
    await known.control(lost={"offers": {}})
    with pytest.raises(httpx.RemoteProtocolError):
        await known.offers()


async def test_a_reset_call_was_not_done(known: Caller) -> None:
    await known.control(resets={"all": {}})
    with pytest.raises(httpx.RemoteProtocolError):
        await known.register(OTHER)
    await known.control(resets={})
    assert (await known.state())["calls"]["register"] == {"201": 1, "reset": 1}
    assert (await known.register(OTHER)).status_code == 201


async def test_one_product_hangs_and_the_others_do_not(known: Caller) -> None:
    traffic = known.simulator.simulation.traffic
    await known.register(OTHER)
    await known.control(hang_products=[PRODUCT.upper()])
    hanging = asyncio.create_task(known.offers())
    await until(lambda: traffic.in_flight == 1)
    assert (await known.offers(OTHER)).status_code == 200
    assert not hanging.done()
    hanging.cancel()
    await until(lambda: traffic.in_flight == 0)
    assert (await known.state())["calls"]["offers"] == {"200": 1, "hung": 1}


async def test_an_endpoint_hangs_and_nothing_was_done(known: Caller) -> None:
    traffic = known.simulator.simulation.traffic
    await known.control(hangs={"register": {}})
    hanging = asyncio.create_task(known.register(OTHER))
    await until(lambda: traffic.in_flight == 1)
    hanging.cancel()
    await until(lambda: traffic.in_flight == 0)
    await known.control(hangs={})
    assert (await known.offers(OTHER)).status_code == 404


async def test_latency_delays_the_endpoints_it_names(known: Caller, clock: ManualClock) -> None:
    await known.control(latency={"offers": {"p50": 80, "p99": 80}})
    await known.offers()
    await known.register(OTHER)
    assert clock.waits == [pytest.approx(0.08)]
    await known.control(latency={"offers": {"p50": 0, "p99": 0}, "all": {"p50": 60_000, "p99": 60_000}})
    await known.offers()
    assert clock.waits[1:] == [0]


async def test_a_client_that_gives_up_waiting_has_still_registered(known: Caller, clock: ManualClock) -> None:
    clock.waits_end.clear()
    traffic = known.simulator.simulation.traffic
    await known.control(latency={"register": {"p50": 60_000, "p99": 60_000}})
    giving_up = asyncio.create_task(known.register(OTHER))
    await until(lambda: traffic.in_flight == 1)
    giving_up.cancel()
    await until(lambda: traffic.in_flight == 0)
    assert (await known.state())["calls"]["register"] == {"201": 1, "abandoned": 1}
    assert (await known.offers(OTHER)).status_code == 200


def test_latency_has_the_percentiles_asked_for() -> None:
    dice = random.Random(1)
    waits = [Latency(50, 300).sample(dice) for _ in range(20_000)]
    percentiles = statistics.quantiles(waits, n=100)
    assert percentiles[49] == pytest.approx(0.05, rel=0.1)
    assert percentiles[98] == pytest.approx(0.3, rel=0.15)


async def test_a_standing_latency_is_an_option(clock: ManualClock) -> None:
    async with calling(SimulatorOptions(latency=Latency(60, 60)), clock=clock) as caller:
        await caller.auth()
    assert clock.waits == [pytest.approx(0.06)]
