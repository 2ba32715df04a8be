"""The stand-in Offers service: that it tells the truth when well, and misbehaves exactly as it is told to."""

import asyncio
import gzip
import json
import random
import ssl
import statistics
import time
import uuid
import zlib
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from typing import Any, get_args

import httpx
import jwt
import pytest

from entrypoints.development.offers_simulator.app import RunningSimulator, running_simulator, serve
from entrypoints.development.offers_simulator.faults import Faults, Latency
from entrypoints.development.offers_simulator.malformed import BOMB_MIB, MALFORMED_KINDS, SHARED_ID
from entrypoints.development.offers_simulator.options import DEFAULT_REFRESH_TOKEN, SimulatorOptions
from entrypoints.development.offers_simulator.product import SoldOut
from entrypoints.development.offers_simulator.traffic import MAX_AGENTS, MAX_AUTH_CALLS, Traffic
from entrypoints.development.offers_simulator.world import World

START = 1_700_000_000.0
PRODUCT = "6a1f0c1e-7b4d-0a5e-02c1-9d0e8f7a6b5c"
OTHER = "6a1f0c1e-7b4d-0a5e-02c1-9d0e8f7a6b5d"
ANOTHER_IS_VALID = {"detail": "Cannot generate access token because another is valid"}


class ManualClock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


class Caller:
    """Calls a simulator as a client would, and its control routes as a test would."""

    def __init__(self, simulator: RunningSimulator, client: httpx.AsyncClient) -> None:
        self.simulator = simulator
        self.client = client
        self.token = ""

    async def auth(self, refresh_token: str = DEFAULT_REFRESH_TOKEN) -> httpx.Response:
        response = await self.client.post("/auth", headers={"Bearer": refresh_token})
        if response.status_code == 201 and "json" in response.headers["Content-Type"]:
            self.token = response.json().get("access_token") or ""
        return response

    async def register(self, product_id: str = PRODUCT, name: str = "Kettle") -> httpx.Response:
        body = {"id": product_id, "name": name, "description": "Boils"}
        return await self.client.post("/products/register", json=body, headers={"Bearer": self.token})

    async def offers(self, product_id: str = PRODUCT, **options: Any) -> httpx.Response:
        headers = {"Bearer": self.token}
        return await self.client.get(f"/products/{product_id}/offers", headers=headers, **options)

    async def control(self, **switches: Any) -> dict[str, Any]:
        response = await self.client.put(self.simulator.origin + "/__control", json=switches)
        assert response.status_code == 200, response.text
        shown: dict[str, Any] = response.json()
        return shown

    async def dictate(self, offers: list[dict[str, Any]], product_id: str = PRODUCT) -> None:
        response = await self.client.put(f"{self.simulator.origin}/__offers/{product_id}", json=offers)
        assert response.status_code == 204, response.text

    async def state(self, path: str = "") -> dict[str, Any]:
        response = await self.client.get(f"{self.simulator.origin}/__state{path}")
        assert response.status_code == 200, response.text
        shown: dict[str, Any] = response.json()
        return shown

    async def spoilt(self, kind: str, products: Any = "all", **switches: Any) -> httpx.Response:
        await self.control(malformed={kind: products}, **switches)
        return await self.offers()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def caller(clock: ManualClock) -> AsyncIterator[Caller]:
    """A caller of a simulator where nothing has happened yet."""
    async with (
        running_simulator(SimulatorOptions(seed=7), clock=clock) as simulator,
        new_client(simulator.base_url) as client,
    ):
        yield Caller(simulator, client)


@pytest.fixture
async def known(caller: Caller) -> Caller:
    """A caller with a token and one registered product."""
    await caller.auth()
    assert (await caller.register()).status_code == 201
    return caller


def new_client(base_url: str = "") -> httpx.AsyncClient:
    # A bare context: reading the certificates of the machine takes longer than a test.
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.AsyncClient(base_url=base_url, trust_env=False, verify=bare)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


def by_id(response: httpx.Response) -> dict[str, dict[str, Any]]:
    return {offer["id"]: offer for offer in response.json()}


class TestAuth:
    async def test_a_token_is_a_jwt_with_exactly_the_refresh_token_and_a_whole_second(self, caller: Caller) -> None:
        response = await caller.auth()
        assert response.status_code == 201
        assert list(response.json()) == ["access_token"]
        assert jwt.get_unverified_header(caller.token)["alg"] == "HS256"
        claims = jwt.decode(caller.token, options={"verify_signature": False})
        assert claims == {"token": DEFAULT_REFRESH_TOKEN, "expires": int(START) + 300}
        assert type(claims["expires"]) is int

    async def test_a_second_token_is_refused_until_the_first_expires(self, known: Caller, clock: ManualClock) -> None:
        first = known.token
        clock.now = START + 299.9
        refused = await known.auth()
        assert (refused.status_code, refused.json()) == (400, ANOTHER_IS_VALID)
        assert (await known.offers()).status_code == 200
        clock.now = START + 300
        assert (await known.offers()).status_code == 401
        assert (await known.auth()).status_code == 201
        assert known.token != first
        assert (await known.offers()).status_code == 200

    async def test_a_wrong_refresh_token_is_unauthorised(self, caller: Caller) -> None:
        assert (await caller.auth("wrong")).status_code == 401

    async def test_a_missing_header_is_named(self, caller: Caller) -> None:
        response = await caller.client.post("/auth")
        assert response.status_code == 422
        assert response.json()["detail"][0]["loc"] == ["header", "Bearer"]

    async def test_the_lifetime_and_refresh_token_are_options(self, clock: ManualClock) -> None:
        options = SimulatorOptions(refresh_token="mine", token_lifetime=5)
        async with (
            running_simulator(options, clock=clock) as simulator,
            new_client(simulator.base_url) as client,
        ):
            caller = Caller(simulator, client)
            await caller.auth("mine")
            claims = jwt.decode(caller.token, options={"verify_signature": False})
            assert claims == {"token": "mine", "expires": int(START) + 5}


class TestRegistering:
    async def test_a_product_is_registered_once(self, caller: Caller) -> None:
        await caller.auth()
        first = await caller.register()
        assert (first.status_code, first.json()) == (201, {"id": PRODUCT})
        assert (await caller.register(PRODUCT.upper())).status_code == 409

    @pytest.mark.parametrize("token", ["", "stranger", DEFAULT_REFRESH_TOKEN])
    async def test_only_the_live_token_is_accepted(self, known: Caller, token: str) -> None:
        known.token = token
        assert (await known.register(OTHER)).status_code == 401
        assert (await known.offers()).status_code == 401

    @pytest.mark.parametrize(
        ("body", "loc"),
        [
            (b"{", ["body"]),
            (b'"\xff"', ["body"]),
            (b"[]", ["body"]),
            (b'{"name": "n", "description": "d"}', ["body", "id"]),
            (b'{"id": "seven", "name": "n", "description": "d"}', ["body", "id"]),
            (b'{"id": 7, "name": "n", "description": "d"}', ["body", "id"]),
            (b'{"id": "%b", "description": "d"}' % PRODUCT.encode(), ["body", "name"]),
            (b'{"id": "%b", "name": 1, "description": "d"}' % PRODUCT.encode(), ["body", "name"]),
            (b'{"id": "%b", "name": "n"}' % PRODUCT.encode(), ["body", "description"]),
        ],
    )
    async def test_what_is_wrong_with_a_body_is_named(self, caller: Caller, body: bytes, loc: list[str]) -> None:
        await caller.auth()
        response = await caller.client.post("/products/register", content=body, headers={"Bearer": caller.token})
        assert response.status_code == 422
        assert [error["loc"] for error in response.json()["detail"]] == [loc]

    async def test_a_missing_header_is_named(self, caller: Caller) -> None:
        response = await caller.client.post("/products/register", json={})
        assert response.status_code == 422
        assert response.json()["detail"][0]["loc"] == ["header", "Bearer"]


class TestOffers:
    async def test_offers_have_the_shape_and_ranges_that_were_seen(self, caller: Caller) -> None:
        await caller.auth()
        counts, prices, ids = [], [], []
        dice = random.Random(1)
        for _ in range(60):
            product_id = str(uuid.UUID(int=dice.getrandbits(128)))
            await caller.register(product_id)
            offers = (await caller.offers(product_id)).json()
            counts.append(len(offers))
            for offer in offers:
                assert list(offer) == ["id", "price", "items_in_stock"]
                assert type(offer["price"]) is int
                assert 15_000 <= offer["price"] <= 80_000
                assert 23 <= offer["items_in_stock"] <= 931
                assert offer["id"] == str(uuid.UUID(offer["id"]))
            ids += [uuid.UUID(offer["id"]) for offer in offers]
            own = [offer["price"] for offer in offers]
            prices.append(statistics.pstdev(own) / statistics.mean(own))
        assert min(counts) == 5
        assert max(counts) == 11
        assert 7 <= statistics.mean(counts) <= 9
        assert 0.02 <= statistics.mean(prices) <= 0.06
        assert len(set(ids)) == len(ids)
        assert sum(one.variant != uuid.RFC_4122 for one in ids) > len(ids) / 2

    async def test_the_order_differs_between_answers_and_the_offers_do_not(self, known: Caller) -> None:
        answers = [(await known.offers()).json() for _ in range(10)]
        assert len({json.dumps(answer) for answer in answers}) > 1
        assert len({json.dumps(sorted(answer, key=lambda offer: offer["id"])) for answer in answers}) == 1

    async def test_an_unregistered_product_does_not_exist(self, known: Caller) -> None:
        response = await known.offers(OTHER)
        assert (response.status_code, response.json()) == (404, {"detail": "Product does not exist"})

    async def test_a_bad_id_and_a_missing_header_are_named_together(self, known: Caller) -> None:
        response = await known.client.get("/products/seven/offers")
        assert response.status_code == 422
        assert [error["loc"] for error in response.json()["detail"]] == [["header", "Bearer"], ["path", "id"]]
        assert (await known.offers("seven")).status_code == 422

    async def test_what_the_service_does_not_have_is_not_found(self, known: Caller) -> None:
        assert (await known.client.delete(f"/products/{PRODUCT}")).status_code == 404
        assert (await known.state())["calls"]["other"] == {"404": 1}


class TestTicking:
    async def test_a_tick_moves_prices_a_little_and_lowers_stock(self, known: Caller, clock: ManualClock) -> None:
        before = by_id(await known.offers())
        clock.now = START + 59.9
        assert by_id(await known.offers()) == before
        clock.now = START + 60
        after = by_id(await known.offers())
        kept = before.keys() & after.keys()
        assert len(kept) >= len(before) - 1
        moves = [after[one]["price"] / before[one]["price"] for one in kept]
        assert all(0.85 < move < 1.15 for move in moves)
        assert sum(move != 1 for move in moves) > len(kept) / 2
        assert all(after[one]["items_in_stock"] < before[one]["items_in_stock"] for one in kept)

    async def test_freezing_stops_the_ticks_and_thawing_goes_on_from_there(
        self, known: Caller, clock: ManualClock
    ) -> None:
        clock.now += 60
        await known.control(freeze=True)
        before = by_id(await known.offers())
        clock.now += 120
        assert by_id(await known.offers()) == before
        assert (await known.state())["tick"] == 1
        await known.control(freeze=False)
        assert by_id(await known.offers()) == before
        clock.now += 60
        assert by_id(await known.offers()) != before
        assert (await known.state())["tick"] == 2

    async def test_ticks_can_be_asked_for(self, known: Caller) -> None:
        before = by_id(await known.offers())
        await known.control(advance=3, freeze=True)
        assert by_id(await known.offers()) != before
        assert (await known.state())["tick"] == 3

    @staticmethod
    def world(sold_out: SoldOut, seed: int = 3) -> tuple[World, uuid.UUID]:
        world = World(tick=60, sold_out=sold_out, seed=seed, now=START)
        product_id = uuid.UUID(PRODUCT)
        assert world.register(product_id, START)
        return world, product_id

    def observe(self, sold_out: SoldOut, ticks: int = 400) -> list[dict[str, tuple[int, int]]]:
        world, product_id = self.world(sold_out)
        return [
            {offer.id: (offer.price, offer.items_in_stock) for offer in world.offers(product_id, START + 60 * n) or ()}
            for n in range(ticks)
        ]

    @pytest.mark.parametrize("sold_out", get_args(SoldOut))
    def test_a_market_stays_within_bounds_for_good(self, sold_out: SoldOut) -> None:
        seen = self.observe(sold_out, 2_000)
        assert 5 <= statistics.mean(map(len, seen)) <= 11
        assert all(3 <= len(offers) <= 11 for offers in seen)
        assert all(15_000 <= price <= 80_000 for offers in seen for price, _ in offers.values())
        assert len(set().union(*seen)) > 100

    @pytest.mark.parametrize("sold_out", ["vanish", "replace"])
    def test_sold_out_offers_vanish_unseen_and_never_come_back(self, sold_out: SoldOut) -> None:
        seen = self.observe(sold_out)
        assert all(stock > 0 for offers in seen for _, stock in offers.values())
        for one in set().union(*seen):
            present = "".join("x" if one in offers else " " for offers in seen)
            assert " " not in present.strip()

    def test_a_replaced_offer_leaves_the_number_of_offers_as_it_was(self) -> None:
        seen = self.observe("replace")
        exchanged = [(before, after) for before, after in pairwise(seen) if before.keys() - after]
        assert exchanged
        assert all(len(after) >= len(before) for before, after in exchanged)

    def test_sold_out_offers_show_zero_for_exactly_one_tick(self) -> None:
        seen = self.observe("zero")
        gone = {one for before, after in pairwise(seen) for one in before if one not in after}
        assert gone
        for one in gone:
            stocks = [offers[one][1] for offers in seen if one in offers]
            assert stocks[-1] == 0
            assert stocks.count(0) == 1

    def test_a_product_looks_the_same_whenever_and_in_whatever_order_it_is_read(self) -> None:
        patient, product_id = self.world("vanish")
        busy, _ = self.world("vanish")
        for tick in range(30):
            for other in range(5):
                busy.register(uuid.UUID(int=other), START)
                busy.offers(uuid.UUID(int=other), START + 60 * tick)
            busy.offers(product_id, START + 60 * tick)
        assert patient.offers(product_id, START + 1800) == busy.offers(product_id, START + 1800)

    def test_another_seed_is_another_world(self) -> None:
        one, product_id = self.world("vanish", seed=1)
        other, _ = self.world("vanish", seed=2)
        assert one.offers(product_id, START) != other.offers(product_id, START)

    def test_a_product_unread_for_a_year_can_be_read(self) -> None:
        world, product_id = self.world("vanish")
        assert world.offers(product_id, START + 365 * 86_400)


class TestDictatedOffers:
    async def test_exactly_these_are_shown_in_this_order_through_all_ticks(
        self, known: Caller, clock: ManualClock
    ) -> None:
        exact = [{"id": str(uuid.UUID(int=n)), "price": n, "items_in_stock": 0} for n in range(20)]
        await known.dictate(exact)
        for _ in range(3):
            assert (await known.offers()).json() == exact
            clock.now += 60
        await known.auth()
        url = f"{known.simulator.origin}/__offers/{PRODUCT}"
        assert (await known.client.delete(url)).status_code == 204
        assert (await known.offers()).json() != exact

    async def test_they_do_not_register_the_product(self, known: Caller) -> None:
        await known.dictate([], OTHER)
        assert (await known.offers(OTHER)).status_code == 404
        await known.register(OTHER)
        assert (await known.offers(OTHER)).json() == []

    @pytest.mark.parametrize("body", [b"{", b"\xff", b"{}", b'[{"id": "a", "price": "1"}]'])
    async def test_what_is_no_list_of_offers_is_refused(self, known: Caller, body: bytes) -> None:
        url = f"{known.simulator.origin}/__offers/{PRODUCT}"
        assert (await known.client.put(url, content=body)).status_code == 400

    async def test_what_is_no_product_is_refused(self, known: Caller) -> None:
        url = f"{known.simulator.origin}/__offers/seven"
        response = await known.client.put(url, json=[])
        assert (response.status_code, response.json()) == (400, {"detail": "not a UUID"})


class TestSwitches:
    async def test_they_are_shown_changed_one_by_one_and_reset(self, caller: Caller) -> None:
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
    async def test_an_unknown_or_ill_typed_one_changes_nothing(self, caller: Caller, body: bytes) -> None:
        url = caller.simulator.origin + "/__control"
        before = (await caller.client.get(url)).json()
        assert (await caller.client.put(url, content=body)).status_code == 400
        assert (await caller.client.get(url)).json() == before

    async def test_they_can_be_given_at_the_start(self) -> None:
        faults = Faults(foreign_marker="stolen")
        async with (
            running_simulator(SimulatorOptions(), faults=faults) as simulator,
            new_client(simulator.base_url) as client,
        ):
            caller = Caller(simulator, client)
            await caller.auth()
            assert (await caller.register(name="stolen kettle")).status_code == 409


class TestTrouble:
    @pytest.mark.parametrize("endpoint", ["auth", "register", "offers"])
    async def test_an_error_strikes_one_endpoint_and_nothing_is_done(self, known: Caller, endpoint: str) -> None:
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

    async def test_a_fault_for_all_gives_way_to_an_endpoints_own(self, known: Caller) -> None:
        await known.control(errors={"all": {"status": 500}, "offers": {"rate": 0}})
        assert (await known.register(OTHER)).status_code == 500
        assert (await known.offers()).status_code == 200

    async def test_a_fault_strikes_a_share_of_the_calls(self, known: Caller) -> None:
        await known.control(errors={"offers": {"rate": 0.5}})
        failed = [(await known.offers()).status_code == 503 for _ in range(200)]
        assert 60 < sum(failed) < 140

    async def test_a_fault_stops_after_the_times_it_was_given(self, known: Caller) -> None:
        await known.control(errors={"offers": {"status": 502, "times": 2}})
        assert [(await known.offers()).status_code for _ in range(4)] == [502, 502, 200, 200]

    @pytest.mark.parametrize("value", [7, "Wed, 21 Oct 2026 07:28:00 GMT", "soon"])
    @pytest.mark.parametrize("status", [429, 503])
    async def test_retry_after_goes_with_429_and_503(self, known: Caller, status: int, value: int | str) -> None:
        await known.control(errors={"all": {"status": status}}, retry_after=value)
        response = await known.offers()
        assert (response.status_code, response.headers["Retry-After"]) == (status, str(value))
        await known.control(errors={"all": {"status": 500}})
        assert "Retry-After" not in (await known.offers()).headers

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_a_redirect_leads_to_where_followers_are_counted(self, known: Caller, status: int) -> None:
        await known.control(errors={"offers": {"status": status}})
        assert (await known.offers()).status_code == status
        assert "other" not in (await known.state())["calls"]
        assert (await known.offers(follow_redirects=True)).status_code == 404
        assert (await known.state())["calls"]["other"] == {"404": 1}

    async def test_an_unnamed_status_is_answered_too(self, known: Caller) -> None:
        await known.control(errors={"offers": {"status": 599}})
        assert (await known.offers()).status_code == 599

    async def test_the_body_of_any_failure_can_be_chosen(self, known: Caller) -> None:
        await known.control(bodies={"409": "[1", "401": ""})
        assert (await known.register()).text == "[1"
        known.token = "stranger"
        response = await known.offers()
        assert (response.status_code, response.text) == (401, "")

    async def test_a_lost_registration_was_done(self, known: Caller) -> None:
        await known.control(lost={"register": {"times": 1}})
        with pytest.raises(httpx.RemoteProtocolError):
            await known.register(OTHER)
        assert (await known.state())["calls"]["register"] == {"201": 1, "lost": 1}
        assert (await known.register(OTHER)).status_code == 409
        assert (await known.offers(OTHER)).status_code == 200
        assert (await known.state(f"/products/{OTHER}"))["traffic"]["registrations"] == 1

    async def test_a_lost_token_was_issued(self, caller: Caller) -> None:
        await caller.control(lost={"auth": {}})
        with pytest.raises(httpx.RemoteProtocolError):
            await caller.auth()
        await caller.control(lost={})
        assert (await caller.auth()).json() == ANOTHER_IS_VALID

    async def test_lost_offers_never_arrive(self, known: Caller) -> None:
        await known.control(lost={"offers": {}})
        with pytest.raises(httpx.RemoteProtocolError):
            await known.offers()

    async def test_a_reset_call_was_not_done(self, known: Caller) -> None:
        await known.control(resets={"all": {}})
        with pytest.raises(httpx.RemoteProtocolError):
            await known.register(OTHER)
        await known.control(resets={})
        assert (await known.state())["calls"]["register"] == {"201": 1, "reset": 1}
        assert (await known.register(OTHER)).status_code == 201

    async def test_one_product_hangs_and_the_others_do_not(self, known: Caller) -> None:
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

    async def test_an_endpoint_hangs_and_nothing_was_done(self, known: Caller) -> None:
        await known.control(hangs={"register": {}})
        with pytest.raises(httpx.ReadTimeout):
            await known.client.post(
                "/products/register",
                json={"id": OTHER, "name": "n", "description": "d"},
                headers={"Bearer": known.token},
                timeout=0.05,
            )
        await known.control(hangs={})
        assert (await known.offers(OTHER)).status_code == 404

    async def test_latency_delays_the_endpoints_it_names(self, known: Caller) -> None:
        await known.control(latency={"offers": {"p50": 80, "p99": 80}})
        before = time.perf_counter()
        await known.offers()
        assert time.perf_counter() - before >= 0.079
        await known.control(latency={"offers": {"p50": 0, "p99": 0}, "all": {"p50": 60_000, "p99": 60_000}})
        assert (await known.offers(timeout=30)).status_code == 200

    async def test_a_client_that_gives_up_waiting_has_still_registered(self, known: Caller) -> None:
        traffic = known.simulator.simulation.traffic
        await known.control(latency={"register": {"p50": 60_000, "p99": 60_000}})
        giving_up = asyncio.create_task(known.register(OTHER))
        await until(lambda: traffic.in_flight == 1)
        giving_up.cancel()
        await until(lambda: traffic.in_flight == 0)
        assert (await known.state())["calls"]["register"] == {"201": 1, "abandoned": 1}
        assert (await known.offers(OTHER)).status_code == 200

    def test_latency_has_the_percentiles_asked_for(self) -> None:
        dice = random.Random(1)
        waits = [Latency(50, 300).sample(dice) for _ in range(20_000)]
        percentiles = statistics.quantiles(waits, n=100)
        assert percentiles[49] == pytest.approx(0.05, rel=0.1)
        assert percentiles[98] == pytest.approx(0.3, rel=0.15)

    async def test_a_standing_latency_is_an_option(self) -> None:
        options = SimulatorOptions(latency=Latency(60, 60))
        async with (
            running_simulator(options) as simulator,
            new_client(simulator.base_url) as client,
        ):
            before = time.perf_counter()
            await Caller(simulator, client).auth()
            assert time.perf_counter() - before >= 0.059


class TestTokenTrouble:
    async def test_a_token_can_die_before_it_expires(self, known: Caller, clock: ManualClock) -> None:
        await known.control(token_dies_after=15)
        clock.now = START + 14.9
        assert (await known.offers()).status_code == 200
        clock.now = START + 15
        assert (await known.offers()).status_code == 401
        await known.control(token_dies_after=None)
        assert (await known.offers()).status_code == 401
        await known.auth()
        assert jwt.decode(known.token, options={"verify_signature": False})["expires"] == START + 315

    @pytest.mark.parametrize(("slack", "end"), [(1.5, 301.5), (-10, 290)])
    async def test_a_token_can_end_beside_the_second_it_promises(
        self, known: Caller, clock: ManualClock, slack: float, end: float
    ) -> None:
        await known.control(expiry_slack=slack)
        clock.now = START + end - 0.1
        assert (await known.offers()).status_code == 200
        assert (await known.auth()).status_code == 400
        clock.now = START + end
        assert (await known.offers()).status_code == 401
        assert (await known.auth()).status_code == 201

    @pytest.mark.parametrize("skew", [30, -30, 100_000])
    async def test_skew_moves_what_is_promised_and_not_what_is_kept(
        self, caller: Caller, clock: ManualClock, skew: int
    ) -> None:
        await caller.control(clock_skew=skew)
        await caller.auth()
        claims = jwt.decode(caller.token, options={"verify_signature": False})
        assert claims["expires"] == int(START) + 300 + skew
        clock.now = START + 299
        assert (await caller.offers()).status_code == 404
        clock.now = START + 300
        assert (await caller.offers()).status_code == 401

    async def test_an_invalidated_token_is_refused_and_another_can_be_had(self, known: Caller) -> None:
        first = known.token
        await known.control(invalidate_token=True)
        assert (await known.offers()).status_code == 401
        assert (await known.auth()).status_code == 201
        assert known.token != first
        assert (await known.offers()).status_code == 200

    async def test_a_taken_token_is_refused_and_no_other_can_be_had(self, known: Caller, clock: ManualClock) -> None:
        clock.now = START + 100
        await known.control(take_token=True)
        assert (await known.offers()).status_code == 401
        clock.now = START + 399
        assert (await known.auth()).status_code == 400
        clock.now = START + 400
        assert (await known.auth()).status_code == 201

    @pytest.mark.parametrize("kind", ["no_token", "null_token", "not_json"])
    async def test_201_can_come_without_a_token_that_lives_nonetheless(self, caller: Caller, kind: str) -> None:
        await caller.control(auth_answer=kind)
        assert (await caller.auth()).status_code == 201
        assert caller.token == ""
        assert (await caller.auth()).status_code == 400

    @pytest.mark.parametrize("kind", ["no_expires", "odd_expires", "not_jwt"])
    async def test_a_token_can_be_odd_and_good(self, caller: Caller, kind: str) -> None:
        await caller.control(auth_answer=kind)
        assert (await caller.auth()).status_code == 201
        assert (await caller.offers()).status_code == 404
        if kind == "not_jwt":
            with pytest.raises(jwt.DecodeError):
                jwt.decode(caller.token, options={"verify_signature": False})
        else:
            claims = jwt.decode(caller.token, options={"verify_signature": False})
            assert claims.get("expires") == (None if kind == "no_expires" else "in five minutes")


class TestRegistrationTrouble:
    async def test_listed_products_and_marked_names_are_rejected(self, known: Caller) -> None:
        await known.control(reject_products=[OTHER], reject_marker="bad")
        assert (await known.register(OTHER)).status_code == 422
        assert (await known.register(str(uuid.UUID(int=1)), "a bad kettle")).status_code == 422
        assert (await known.register(str(uuid.UUID(int=1)), "a good kettle")).status_code == 201

    async def test_foreign_products_conflict_and_have_no_offers(self, known: Caller) -> None:
        await known.control(foreign_products=[OTHER, PRODUCT], foreign_marker="theirs")
        for product_id, name in [(OTHER, "mine"), (str(uuid.UUID(int=1)), "theirs"), (PRODUCT, "mine")]:
            assert (await known.register(product_id, name)).status_code == 409
            assert (await known.offers(product_id)).status_code == 404
        await known.control(foreign_products=[])
        assert (await known.offers()).status_code == 200

    async def test_all_registrations_or_some_are_forgotten_once(self, known: Caller) -> None:
        await known.register(OTHER)
        await known.control(forget_registrations=[OTHER])
        assert [(await known.offers(one)).status_code for one in (PRODUCT, OTHER)] == [200, 404]
        await known.control(forget_registrations=True)
        assert (await known.offers()).status_code == 404
        assert (await known.register()).status_code == 201
        assert (await known.state(f"/products/{PRODUCT}"))["traffic"]["registrations"] == 2

    async def test_a_product_may_be_registered_already_by_somebody_else(self, known: Caller) -> None:
        await known.control(register_products=[OTHER])
        assert (await known.register(OTHER)).status_code == 409
        assert (await known.offers(OTHER)).status_code == 200


class TestMalformedOffers:
    @pytest.mark.parametrize(
        ("kind", "content_type", "body"),
        [
            ("empty_body", "application/json", b""),
            ("empty_object", "application/json", b"{}"),
            ("null", "application/json", b"null"),
            ("wrong_type", "application/json", b'"eight offers"'),
            ("wrong_rows", "application/json", b'["eight", "offers"]'),
            ("empty_list", "application/json", b"[]"),
            ("deep_nesting", "application/json", b"[" * 100_000),
        ],
    )
    async def test_fixed_bodies(self, known: Caller, kind: str, content_type: str, body: bytes) -> None:
        response = await known.spoilt(kind)
        assert response.status_code == 200
        assert response.headers["Content-Type"] == content_type
        assert response.content == body

    async def test_html(self, known: Caller) -> None:
        response = await known.spoilt("html")
        assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html")
        assert response.text.startswith("<!doctype html>")

    async def test_not_utf8(self, known: Caller) -> None:
        response = await known.spoilt("not_utf8")
        with pytest.raises(UnicodeDecodeError):
            response.content.decode()

    async def test_truncated_is_a_whole_answer_with_half_the_json(self, known: Caller) -> None:
        response = await known.spoilt("truncated")
        assert response.content.startswith(b'[{"id"')
        with pytest.raises(json.JSONDecodeError):
            response.json()

    async def test_cut_body_promises_more_than_arrives(self, known: Caller) -> None:
        with pytest.raises(httpx.RemoteProtocolError):
            await known.spoilt("cut_body")
        assert (await known.state())["calls"]["offers"] == {"cut": 1}

    async def test_trickle_sends_the_true_answer_byte_by_byte(self, known: Caller) -> None:
        await known.dictate([{"id": PRODUCT, "price": 1, "items_in_stock": 2}])
        before = time.perf_counter()
        response = await known.spoilt("trickle", trickle_interval=0.001)
        assert response.json() == [{"id": PRODUCT, "price": 1, "items_in_stock": 2}]
        assert time.perf_counter() - before > 0.001 * len(response.content)

    async def test_a_gzip_bomb_is_small_until_inflated(self, known: Caller) -> None:
        await known.control(malformed={"gzip_bomb": "all"})
        url = f"/products/{PRODUCT}/offers"
        async with known.client.stream("GET", url, headers={"Bearer": known.token}) as response:
            assert response.headers["Content-Encoding"] == "gzip"
            small = b"".join([chunk async for chunk in response.aiter_raw()])
        assert len(small) < 200_000
        inflated = gzip.decompress(small)
        assert len(inflated) == BOMB_MIB * 2**20 + 2 > 100_000_000
        assert zlib.crc32(inflated.strip(b"[] ")) == 0

    async def test_too_many_offers_are_all_well_formed_and_below_a_mebibyte(self, known: Caller) -> None:
        own = by_id(await known.offers())
        response = await known.spoilt("too_many_offers")
        offers = by_id(response)
        assert len(response.json()) == len(offers) == 10_001
        assert own.items() <= offers.items()
        assert len(response.content) < 2**20

    async def test_over_1_mib_is_the_true_answer_blown_up(self, known: Caller) -> None:
        own = by_id(await known.offers())
        response = await known.spoilt("over_1_mib")
        assert by_id(response) == own
        assert len(response.content) > 2**20

    @pytest.mark.parametrize("field", ["price", "items_in_stock"])
    @pytest.mark.parametrize(
        ("kind", "text"),
        [
            ("row_float", "19999.5"),
            ("row_negative", "-1"),
            ("row_bool", "true"),
            ("row_string", '"19999"'),
            ("row_null", "null"),
            ("row_2_63", "9223372036854775808"),
            ("row_1e400", "1e400"),
        ],
    )
    async def test_one_value_is_bad_and_the_other_rows_are_good(
        self, known: Caller, kind: str, text: str, field: str
    ) -> None:
        own = by_id(await known.offers())
        response = await known.spoilt(kind, bad_field=field)
        assert response.text.count(f'"{field}":{text}') == 1
        spoilt = by_id(response)
        assert spoilt.keys() == own.keys()
        assert [one for one in own if spoilt[one] != own[one]] == [min(own)]

    async def test_one_row_misses_a_field(self, known: Caller) -> None:
        own = by_id(await known.offers())
        spoilt = by_id(await known.spoilt("row_missing"))
        assert spoilt.pop(min(own)).keys() == {"id", "items_in_stock"}
        assert spoilt.items() < own.items()

    async def test_one_row_has_no_readable_id(self, known: Caller) -> None:
        own = by_id(await known.offers())
        rows = (await known.spoilt("row_without_id")).json()
        assert [row.get("id") for row in rows].count(None) == 1
        rows = (await known.spoilt("row_unreadable_id")).json()
        assert {row["id"] for row in rows} - own.keys() == {"offer-number-seven"}
        assert len(rows) == len(own)

    async def test_a_product_without_offers_gets_a_row_to_be_spoilt(self, known: Caller) -> None:
        await known.dictate([])
        assert [row["price"] for row in (await known.spoilt("row_float")).json()] == [19_999.5]

    async def test_all_rows_are_bad(self, known: Caller) -> None:
        own = by_id(await known.offers())
        spoilt = by_id(await known.spoilt("all_rows_bad"))
        assert spoilt.keys() == own.keys()
        assert all(row["price"] == "many" for row in spoilt.values())

    @pytest.mark.parametrize(
        ("kind", "example"),
        [
            ("unhyphenated_ids", "abcdef00000000000000000000000001"),
            ("braced_ids", "{abcdef00-0000-0000-0000-000000000001}"),
            ("upper_case_ids", "ABCDEF00-0000-0000-0000-000000000001"),
        ],
    )
    async def test_ids_are_the_same_bits_in_other_clothes(self, known: Caller, kind: str, example: str) -> None:
        await known.dictate([{"id": "abcdef00-0000-0000-0000-000000000001", "price": 1, "items_in_stock": 2}])
        assert (await known.spoilt(kind)).json() == [{"id": example, "price": 1, "items_in_stock": 2}]

    async def test_the_same_id_comes_twice_and_differs_the_second_time(self, known: Caller) -> None:
        own = by_id(await known.offers())
        rows = (await known.spoilt("same_id_twice")).json()
        assert len(rows) == len(own) + 1
        assert rows[-1] == own[min(own)] | {"price": 15_000}
        assert own[min(own)] in rows[:-1]

    async def test_the_same_id_comes_under_every_product(self, known: Caller) -> None:
        await known.register(OTHER)
        first = by_id(await known.spoilt("same_id_in_every_product"))
        second = by_id(await known.offers(OTHER))
        assert first.keys() & second.keys() == {SHARED_ID}

    async def test_only_listed_products_are_spoilt_and_the_first_kind_that_fits_wins(self, known: Caller) -> None:
        await known.register(OTHER)
        await known.control(malformed={"null": [PRODUCT]})
        assert (await known.offers()).json() is None
        assert (await known.offers(OTHER)).json()
        await known.control(malformed={"null": [PRODUCT], "empty_object": "all"})
        assert (await known.offers()).json() is None
        assert (await known.offers(OTHER)).json() == {}

    async def test_every_kind_answers_200_and_only_when_the_product_exists(self, known: Caller) -> None:
        for kind in set(MALFORMED_KINDS) - {"cut_body", "trickle", "gzip_bomb"}:
            assert (await known.spoilt(kind)).status_code == 200, kind
        assert (await known.offers(OTHER)).status_code == 404


class TestState:
    async def test_calls_are_counted_by_endpoint_status_and_agent(self, known: Caller, clock: ManualClock) -> None:
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

    async def test_gaps_are_between_calls_about_one_product(self, known: Caller, clock: ManualClock) -> None:
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

    async def test_one_product_is_shown_as_the_service_would_show_it(self, known: Caller) -> None:
        shown = await known.state(f"/products/{PRODUCT}")
        assert shown["registered"] is True
        assert {offer["id"]: offer for offer in shown["offers"]} == by_id(await known.offers())
        nobody = await known.state(f"/products/{OTHER}")
        assert nobody == {"registered": False, "offers": None, "traffic": None}

    async def test_the_greatest_concurrency_is_remembered(self, known: Caller) -> None:
        traffic = known.simulator.simulation.traffic
        await known.control(hangs={"offers": {}})
        calls = [asyncio.create_task(known.offers()) for _ in range(5)]
        await until(lambda: traffic.in_flight == 5)
        for call in calls:
            call.cancel()
        await until(lambda: traffic.in_flight == 0)
        assert (await known.state())["greatest_concurrency"] == 5

    async def test_counters_are_reset_and_nothing_else(self, known: Caller) -> None:
        response = await known.client.delete(known.simulator.origin + "/__state")
        assert response.status_code == 204
        state = await known.state("?products=true")
        assert (state["calls"], state["products"], state["auth_calls"]) == ({}, {}, [])
        assert state["registrations"] == 1
        assert (await known.offers()).status_code == 200

    def test_everything_is_bounded(self) -> None:
        traffic = Traffic()
        for n in range(2 * MAX_AUTH_CALLS):
            traffic.leave(traffic.enter("auth", at=float(n), agent=f"agent {n}"))
        assert len(traffic.auth_calls) == MAX_AUTH_CALLS
        assert traffic.auth_calls[-1].at == 2 * MAX_AUTH_CALLS - 1
        assert len(traffic.agents) == MAX_AGENTS + 1
        assert traffic.agents["others"] == 2 * MAX_AUTH_CALLS - MAX_AGENTS


class TestRunning:
    async def test_a_hanging_call_does_not_delay_the_end(self) -> None:
        faults = Faults(hang_products=frozenset({uuid.UUID(PRODUCT)}))
        async with new_client() as client:
            async with running_simulator(SimulatorOptions(), faults=faults) as simulator:
                client.base_url = httpx.URL(simulator.base_url)
                hanging = asyncio.create_task(Caller(simulator, client).offers())
                await until(lambda: simulator.simulation.traffic.in_flight == 1)
            with pytest.raises(httpx.TransportError):
                await hanging

    async def test_it_serves_until_cancelled_and_tells_its_port(self) -> None:
        ports: list[int] = []
        serving = asyncio.create_task(serve("127.0.0.1", 0, SimulatorOptions(), started=ports.append))
        await until(lambda: bool(ports))
        async with new_client() as client:
            url = f"http://127.0.0.1:{ports[0]}"
            response = await client.post(f"{url}/api/v1/auth", headers={"Bearer": DEFAULT_REFRESH_TOKEN})
            assert response.status_code == 201
            serving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await serving
            with pytest.raises(httpx.TransportError):
                await client.get(f"{url}/__state")

    async def test_a_port_in_use_is_an_error(self) -> None:
        async with running_simulator(SimulatorOptions()) as simulator:
            with pytest.raises(OSError, match="address already in use"):
                await serve("127.0.0.1", simulator.port, SimulatorOptions())
