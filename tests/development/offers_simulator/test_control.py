"""The control routes: dictated offers and the switches."""

import uuid

import pytest

from development.offers_simulator.caller import OTHER, PRODUCT, Caller, ManualClock, calling
from entrypoints.development.offers_simulator.faults import Faults
from entrypoints.development.offers_simulator.options import SimulatorOptions


async def test_exactly_these_are_shown_in_this_order_through_all_ticks(known: Caller, clock: ManualClock) -> None:
    exact = [{"id": str(uuid.UUID(int=n)), "price": n, "items_in_stock": 0} for n in range(20)]
    await known.dictate(exact)
    for _ in range(3):
        assert (await known.offers()).json() == exact
        clock.now += 60
    await known.auth()
    url = f"{known.simulator.origin}/__offers/{PRODUCT}"
    assert (await known.client.delete(url)).status_code == 204
    assert (await known.offers()).json() != exact


async def test_they_do_not_register_the_product(known: Caller) -> None:
    await known.dictate([], OTHER)
    assert (await known.offers(OTHER)).status_code == 404
    await known.register(OTHER)
    assert (await known.offers(OTHER)).json() == []


@pytest.mark.parametrize("body", [b"{", b"\xff", b"{}", b'[{"id": "a", "price": "1"}]'])
async def test_what_is_no_list_of_offers_is_refused(known: Caller, body: bytes) -> None:
    url = f"{known.simulator.origin}/__offers/{PRODUCT}"
    assert (await known.client.put(url, content=body)).status_code == 400


async def test_what_is_no_product_is_refused(known: Caller) -> None:
    url = f"{known.simulator.origin}/__offers/seven"
    response = await known.client.put(url, json=[])
    assert (response.status_code, response.json()) == (400, {"detail": "Invalid UUID"})


async def test_they_are_shown_changed_one_by_one_and_reset(caller: Caller) -> None:
    url = caller.simulator.origin + "/__control"
    off = (await caller.client.get(url)).json()
    await caller.control(retry_after=7, errors={"offers": {"status": 500}})
    shown = await caller.control(clock_skew=-30)
    assert shown["retry_after"] == 7
    assert shown["clock_skew"] == -30
    assert shown["errors"] == {"offers": {"rate": 1.0, "times": None, "status": 500}}
    assert (await caller.client.delete(url)).json() == off
    assert (await caller.client.get(url)).json() == off


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"a": "\xff"}',
        b'{"retry_after": 7, "unheard_of": 1}',
        b'{"retry_after": 7, "errors": {"offers": {"status": 200}}}',
        b'{"retry_after": 7, "errors": {"nowhere": {}}}',
        b'{"retry_after": 7, "malformed": {"soggy": "all"}}',
        b'{"retry_after": 7, "lost": {"all": {"rate": 1.1}}}',
        b'{"retry_after": 7, "latency": {"all": {"p50": 2, "p99": 1}}}',
        b'{"retry_after": 7, "forget_registrations": "yes"}',
        b'{"retry_after": "a\\r\\nb: c"}',
    ],
)
async def test_an_unknown_or_ill_typed_one_changes_nothing(caller: Caller, body: bytes) -> None:
    url = caller.simulator.origin + "/__control"
    before = (await caller.client.get(url)).json()
    assert (await caller.client.put(url, content=body)).status_code == 400
    assert (await caller.client.get(url)).json() == before


async def test_they_can_be_given_at_the_start() -> None:
    faults = Faults(foreign_marker="stolen")
    async with calling(SimulatorOptions(), faults=faults) as caller:
        await caller.auth()
        assert (await caller.register(name="stolen kettle")).status_code == 409
