"""The counters of the calls."""

import asyncio

from development.offers_simulator.caller import OTHER, PRODUCT, START, Caller, ManualClock, by_id
from entrypoints.development.offers_simulator.traffic import MAX_AGENTS, MAX_AUTH_CALLS, Traffic
from waiting import until


async def test_calls_are_counted_by_endpoint_status_and_agent(known: Caller, clock: ManualClock) -> None:
    clock.now += 2
    await known.auth()
    known.client.headers["User-Agent"] = "kettle-watch/1"
    await known.offers()
    await known.offers(OTHER)
    state = await known.state()
    assert state["calls"] == {
        "auth": {"201": 1, "400": 1},
        "register": {"201": 1},
        "offers": {"200": 1, "404": 1},
    }
    assert state["auth_calls"] == [
        {"at": START, "outcome": "201"},
        {"at": START + 2, "outcome": "400"},
    ]
    assert state["user_agents"]["kettle-watch/1"] == 2
    assert state["registrations"] == 1
    assert "products" not in state


async def test_gaps_are_between_calls_about_one_product(known: Caller, clock: ManualClock) -> None:
    for gap in (5, 2, 30):
        clock.now += gap
        await known.offers()
        await known.offers(OTHER)
    state = await known.state("?products=true")
    gaps = {"shortest": 2.0, "longest": 30.0}
    assert state["gaps"] == {"register": {"shortest": None, "longest": None}, "offers": gaps}
    assert state["products"][PRODUCT] == {
        "registrations": 1,
        "register_calls": 1,
        "offers_calls": 3,
        "offers_served": 3,
        "first_call": START,
        "last_call": START + 37,
        "last_register_call": START,
        "last_offers_call": START + 37,
        "register_gaps": {"shortest": None, "longest": None},
        "offers_gaps": gaps,
    }
    assert state["products"][OTHER]["offers_served"] == 0


async def test_one_product_is_shown_as_the_service_would_show_it(known: Caller) -> None:
    shown = await known.state(f"/products/{PRODUCT}")
    assert shown["registered"] is True
    assert {offer["id"]: offer for offer in shown["offers"]} == by_id(await known.offers())
    nobody = await known.state(f"/products/{OTHER}")
    assert nobody == {"registered": False, "offers": None, "traffic": None}


async def test_the_greatest_concurrency_is_remembered(known: Caller) -> None:
    traffic = known.simulator.simulation.traffic
    await known.control(hangs={"offers": {}})
    calls = [asyncio.create_task(known.offers()) for _ in range(5)]
    await until(lambda: traffic.in_flight == 5)
    for call in calls:
        call.cancel()
    await until(lambda: traffic.in_flight == 0)
    assert (await known.state())["greatest_concurrency"] == 5


async def test_counters_are_reset_and_nothing_else(known: Caller) -> None:
    response = await known.client.delete(known.simulator.origin + "/__state")
    assert response.status_code == 204
    state = await known.state("?products=true")
    assert (state["calls"], state["products"], state["auth_calls"]) == ({}, {}, [])
    assert state["registrations"] == 1
    assert (await known.offers()).status_code == 200


def test_everything_is_bounded() -> None:
    traffic = Traffic()
    for n in range(2 * MAX_AUTH_CALLS):
        traffic.leave(traffic.enter("auth", at=float(n), agent=f"agent {n}"))
    assert len(traffic.auth_calls) == MAX_AUTH_CALLS
    assert traffic.auth_calls[-1].at == 2 * MAX_AUTH_CALLS - 1
    assert len(traffic.agents) == MAX_AGENTS + 1
    assert traffic.agents["others"] == 2 * MAX_AUTH_CALLS - MAX_AGENTS
