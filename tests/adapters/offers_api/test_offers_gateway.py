"""What only HTTP gets wrong: the gateway against the simulator, and against servers worse than that."""

import asyncio
import gzip
import json
import socket
import traceback
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import UUID

import httpx
import pytest
from aiohttp import web

from adapters.offers_api.gateway import HttpxOffersGateway
from adapters.offers_api.http_client import UrlBelow
from adapters.offers_api.limits import HttpLimits
from adapters.offers_api.payloads import read_offers
from application.synchronisation.offers_gateway import (
    AlreadyRegistered,
    AnswerRefused,
    NotAuthorised,
    OffersServiceError,
    OffersServiceUnavailable,
    RegistrationRefused,
    UnknownUpstream,
)
from domain.offer import ObservedOffers, Offer
from entrypoints.development.offers_simulator.app import RunningSimulator, running_simulator
from entrypoints.development.offers_simulator.faults import Chance, ErrorAnswer, Faults
from entrypoints.development.offers_simulator.options import SimulatorOptions
from upstream.clients import gateway_of
from upstream.servers import TOKEN, GivenToken, answering, gateway_to, gateway_to_bytes, gateway_to_handler
from waiting import PATIENCE

PRODUCT = UUID("ffffffff-ffff-ffff-ffff-fffffffffffe")
MIB = 2**20


@pytest.fixture(scope="module")
async def simulator() -> AsyncIterator[RunningSimulator]:
    async with running_simulator(SimulatorOptions(seed=3, tick=86_400)) as simulator:
        simulator.simulation.world.register(PRODUCT, simulator.simulation.clock())
        yield simulator


@pytest.fixture
async def token(simulator: RunningSimulator) -> GivenToken:
    simulator.simulation.misbehave(Faults())
    simulator.simulation.tokens.invalidate()
    return GivenToken(str(simulator.simulation.tokens.issue(simulator.simulation.clock(), Faults())))


@pytest.fixture
async def gateway(simulator: RunningSimulator, token: GivenToken) -> AsyncIterator[HttpxOffersGateway]:
    async with gateway_to(simulator.base_url, token, limits=HttpLimits()) as gateway:
        yield gateway


@pytest.fixture
async def hasty(simulator: RunningSimulator, token: GivenToken) -> AsyncIterator[HttpxOffersGateway]:
    async with gateway_to(simulator.base_url, token, HttpLimits(connect=5, read=1, call=2)) as gateway:
        yield gateway


def shown(simulator: RunningSimulator) -> dict[UUID, Offer]:
    offers = simulator.simulation.world.offers(PRODUCT, simulator.simulation.clock()) or ()
    return {UUID(str(o.id)): Offer(UUID(str(o.id)), o.price, o.items_in_stock) for o in offers}


async def test_offers_are_observed_as_they_are(simulator: RunningSimulator, gateway: HttpxOffersGateway) -> None:
    assert await gateway.offers_of(PRODUCT) == ObservedOffers(shown(simulator))
    assert "product-aggregator" in simulator.simulation.traffic.agents


async def test_a_registration(simulator: RunningSimulator, gateway: HttpxOffersGateway) -> None:
    product_id = UUID(int=1)
    await gateway.register(product_id, "Näme", "a\ndescription")
    assert (await gateway.offers_of(product_id)).offers
    with pytest.raises(AlreadyRegistered):
        await gateway.register(product_id, "Näme", "a\ndescription")
    simulator.simulation.misbehave(Faults(reject_marker="bad"))
    with pytest.raises(RegistrationRefused, match=r"body\.name: value is not acceptable"):
        await gateway.register(UUID(int=2), "bad name", "")


async def test_an_unknown_product(gateway: HttpxOffersGateway) -> None:
    with pytest.raises(UnknownUpstream):
        await gateway.offers_of(UUID(int=404))


async def test_a_refused_token_is_reported(
    simulator: RunningSimulator, token: GivenToken, gateway: HttpxOffersGateway
) -> None:
    simulator.simulation.tokens.invalidate()
    with pytest.raises(NotAuthorised):
        await gateway.offers_of(PRODUCT)
    with pytest.raises(NotAuthorised):
        await gateway.register(UUID(int=3), "name", "")
    assert token.refusals == [token.secret] * 2


@pytest.mark.parametrize(
    "kind",
    [
        *("html", "empty_body", "not_utf8", "truncated", "empty_object", "null", "wrong_type", "wrong_rows"),
        *("gzip_bomb", "deep_nesting", "too_many_offers", "over_1_mib", "all_rows_bad", "braced_ids"),
    ],
)
async def test_a_malformed_answer_is_refused_whole(
    simulator: RunningSimulator, gateway: HttpxOffersGateway, kind: str
) -> None:
    simulator.simulation.misbehave(Faults(malformed={kind: "all"}))  # type: ignore[dict-item]
    with pytest.raises(AnswerRefused):
        await gateway.offers_of(PRODUCT)
    simulator.simulation.misbehave(Faults())
    assert (await gateway.offers_of(PRODUCT)).complete


@pytest.mark.parametrize(("kind", "reason"), [("cut_body", "connection failed"), ("trickle", "timeout")])
async def test_an_answer_that_does_not_end_is_none(
    simulator: RunningSimulator, hasty: HttpxOffersGateway, kind: str, reason: str
) -> None:
    simulator.simulation.misbehave(Faults(malformed={kind: "all"}, trickle_interval=0.05))  # type: ignore[dict-item]
    with pytest.raises(OffersServiceUnavailable, match=reason):
        await hasty.offers_of(PRODUCT)


@pytest.mark.parametrize(
    "kind", ["row_float", "row_negative", "row_missing", "row_bool", "row_string", "row_null", "row_2_63", "row_1e400"]
)
@pytest.mark.parametrize("field", ["price", "items_in_stock"])
async def test_a_bad_row_leaves_its_offer_as_it_was(
    simulator: RunningSimulator, gateway: HttpxOffersGateway, kind: str, field: str
) -> None:
    simulator.simulation.misbehave(Faults(malformed={kind: "all"}, bad_field=field))  # type: ignore[dict-item, arg-type]
    offers = shown(simulator)
    victim = min(offers)
    del offers[victim]
    assert await gateway.offers_of(PRODUCT) == ObservedOffers(offers, frozenset({victim}), refused=1)


@pytest.mark.parametrize("kind", ["row_without_id", "row_unreadable_id"])
async def test_a_bad_row_without_an_id_lets_no_offer_be_closed(
    simulator: RunningSimulator, gateway: HttpxOffersGateway, kind: str
) -> None:
    simulator.simulation.misbehave(Faults(malformed={kind: "all"}))  # type: ignore[dict-item]
    offers = shown(simulator)
    del offers[min(offers)]
    assert await gateway.offers_of(PRODUCT) == ObservedOffers(offers, complete=False, refused=1)


async def test_no_offers_is_an_observation(simulator: RunningSimulator, gateway: HttpxOffersGateway) -> None:
    simulator.simulation.misbehave(Faults(malformed={"empty_list": "all"}))
    assert await gateway.offers_of(PRODUCT) == ObservedOffers({})


@pytest.mark.parametrize("kind", ["unhyphenated_ids", "upper_case_ids"])
async def test_ids_in_unusual_clothes_are_the_same(
    simulator: RunningSimulator, gateway: HttpxOffersGateway, kind: str
) -> None:
    simulator.simulation.misbehave(Faults(malformed={kind: "all"}))  # type: ignore[dict-item]
    assert await gateway.offers_of(PRODUCT) == ObservedOffers(shown(simulator))


async def test_of_one_id_twice_the_last_row_counts(simulator: RunningSimulator, gateway: HttpxOffersGateway) -> None:
    simulator.simulation.misbehave(Faults(malformed={"same_id_twice": "all"}))
    offers = shown(simulator)
    observed = await gateway.offers_of(PRODUCT)
    assert observed.offers.keys() == offers.keys()
    assert observed.offers[min(offers)].price != offers[min(offers)].price


ODD = "00000000-0000-0000-ffff-ffffffffffff"
GOOD = {"id": ODD, "price": 1, "items_in_stock": 2**63 - 1}
BAD = GOOD | {"price": 1.0}
OTHER = GOOD | {"id": "f" * 32, "price": 0, "items_in_stock": 0}


NOT_UTF8 = json.dumps([OTHER]).encode()[:-1] + b', {"id": "\xff"}]'


def read(*rows: object) -> ObservedOffers:
    return read_offers(json.dumps(rows).encode())


def test_of_one_id_twice_a_bad_last_row_leaves_the_offer_as_it_was() -> None:
    other = {UUID("f" * 32): Offer(UUID("f" * 32), 0, 0)}
    assert read(GOOD, BAD, OTHER) == ObservedOffers(other, frozenset({UUID(ODD)}), refused=1)
    assert read(BAD, GOOD, OTHER) == ObservedOffers(other | {UUID(ODD): Offer(UUID(ODD), 1, 2**63 - 1)}, refused=1)


@pytest.mark.parametrize("row", [BAD, [], None, "x", 7, {}, GOOD | {"id": None}, GOOD | {"id": "0" * 31}])
def test_a_float_is_no_integer_and_no_row_readable_is_no_observation(row: object) -> None:
    with pytest.raises(AnswerRefused):
        read(row)
    assert read(OTHER, row).offers.keys() == {UUID("f" * 32)}


@pytest.mark.parametrize("body", [b'[{"a":' * 100_000, b"[" * MIB, b"[1,]", b"[] []", b"NaN", NOT_UTF8])
def test_no_json_is_no_observation(body: bytes) -> None:
    with pytest.raises(AnswerRefused):
        read_offers(body)


def test_a_row_nested_too_deeply_is_refused() -> None:
    with pytest.raises(AnswerRefused):
        read_offers(json.dumps([OTHER])[:-1].encode() + b"," + b"[" * 100_000 + b"]" * 100_000 + b"]")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"resets": {"all": Chance()}}, "connection failed"),
        ({"lost": {"all": Chance()}}, "connection failed"),
        ({"hangs": {"all": Chance()}}, "timeout"),
        ({"errors": {"all": ErrorAnswer(status=503)}}, "HTTP 503"),
        ({"errors": {"all": ErrorAnswer(status=500)}}, "HTTP 500"),
        ({"errors": {"all": ErrorAnswer(status=429)}}, "HTTP 429"),
    ],
)
async def test_upstream_in_trouble(
    simulator: RunningSimulator, hasty: HttpxOffersGateway, fault: dict[str, object], reason: str
) -> None:
    simulator.simulation.misbehave(Faults(**fault))  # type: ignore[arg-type]
    with pytest.raises(OffersServiceUnavailable, match=f"^{reason}$") as trouble:
        await hasty.offers_of(PRODUCT)
    assert trouble.value.retry_after is None
    with pytest.raises(OffersServiceUnavailable, match=f"^{reason}$"):
        await hasty.register(UUID(int=5), "name", "")
    simulator.simulation.misbehave(Faults())
    assert (await hasty.offers_of(PRODUCT)).offers


async def test_nothing_is_sent_twice_when_a_connection_is_cut(
    simulator: RunningSimulator, gateway: HttpxOffersGateway
) -> None:
    await gateway.offers_of(PRODUCT)  # so that the first one cut is a kept connection
    simulator.simulation.misbehave(Faults(resets={"all": Chance()}))
    simulator.simulation.traffic.reset()
    for _ in range(3):
        with pytest.raises(OffersServiceUnavailable, match="connection failed"):
            await gateway.offers_of(PRODUCT)
        with pytest.raises(OffersServiceUnavailable):
            await gateway.register(UUID(int=6), "name", "")
    assert simulator.simulation.traffic.calls == {"offers": {"reset": 3}, "register": {"reset": 3}}


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 418])
async def test_other_statuses_are_refused_and_redirects_not_followed(
    simulator: RunningSimulator, gateway: HttpxOffersGateway, status: int
) -> None:
    simulator.simulation.misbehave(Faults(errors={"all": ErrorAnswer(status=status)}))
    simulator.simulation.traffic.reset()
    with pytest.raises(AnswerRefused, match=f"unexpected HTTP {status}"):
        await gateway.offers_of(PRODUCT)
    with pytest.raises(AnswerRefused, match=f"unexpected HTTP {status}"):
        await gateway.register(UUID(int=8), "name", "")
    assert sum(sum(outcomes.values()) for outcomes in simulator.simulation.traffic.calls.values()) == 2


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("soon", None),
        ("-3", None),
        ("9" * 50, 999_999_999),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Mon, 06 Nov 99999999999 08:00:00 GMT", None),
    ],
)
async def test_retry_after(value: str, seconds: float | None) -> None:
    async with gateway_to_handler(answering(b"", status=429, headers={"Retry-After": value})) as gateway:
        with pytest.raises(OffersServiceUnavailable, match="HTTP 429") as trouble:
            await gateway.offers_of(PRODUCT)
    assert trouble.value.retry_after == seconds


async def test_retry_after_as_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    async with gateway_to_handler(answering(b"", status=503, headers={"Retry-After": date})) as gateway:
        with pytest.raises(OffersServiceUnavailable) as trouble:
            await gateway.offers_of(PRODUCT)
    assert trouble.value.retry_after == pytest.approx(89, abs=2)


async def test_a_gzip_bomb_does_not_go_off_in_memory() -> None:
    bomb = gzip.compress(b"[" + b" " * (200 * MIB) + b"]", compresslevel=6)
    async with gateway_to_handler(answering(bomb, headers={"Content-Encoding": "gzip"})) as gateway:
        tracemalloc.start()
        try:
            with pytest.raises(AnswerRefused, match="too large"):
                await gateway.offers_of(PRODUCT)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 6 * MIB


async def test_exactly_one_mib_is_read_and_one_byte_more_is_not() -> None:
    for extra, refused in ((0, False), (1, True)):
        body = b"[" + b" " * (MIB - 2 + extra) + b"]"
        for sent, headers in ((body, None), (gzip.compress(body), {"Content-Encoding": "gzip"})):
            async with gateway_to_handler(answering(sent, headers=headers)) as gateway:
                if refused:
                    with pytest.raises(AnswerRefused):
                        await gateway.offers_of(PRODUCT)
                else:
                    assert await gateway.offers_of(PRODUCT) == ObservedOffers({})


async def test_ten_thousand_offers_are_read_and_one_more_is_not() -> None:
    limits = HttpLimits(body=4 * MIB)
    for count, refused in ((10_000, False), (10_001, True)):
        rows = [GOOD | {"id": f"{number:032x}"} for number in range(count)]
        async with gateway_to_handler(answering(json.dumps(rows).encode()), limits=limits) as gateway:
            if refused:
                with pytest.raises(AnswerRefused, match="10000"):
                    await gateway.offers_of(PRODUCT)
            else:
                assert len((await gateway.offers_of(PRODUCT)).offers) == count


async def test_the_header_is_the_bare_token_and_cookies_are_not_kept() -> None:
    seen: list[web.Request] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request)
        return web.Response(body=b"[]", headers={"Set-Cookie": "session=theirs; Path=/"})

    async with gateway_to_handler(handler) as gateway:
        for _ in range(2):
            await gateway.offers_of(PRODUCT)
    assert [request.headers["Bearer"] for request in seen] == [TOKEN, TOKEN]
    assert not any("Cookie" in request.headers or "Authorization" in request.headers for request in seen)
    assert seen[0].path == "/products/ffffffff-ffff-ffff-ffff-fffffffffffe/offers"


async def test_connections_are_kept_and_never_more_than_the_calls_allowed() -> None:
    peers: set[object] = set()
    running = greatest = 0
    four = asyncio.Barrier(4)

    async def handler(request: web.Request) -> web.Response:
        nonlocal running, greatest
        peers.add(request.transport and request.transport.get_extra_info("peername"))
        running += 1
        greatest = max(greatest, running)
        await four.wait()
        running -= 1
        return web.Response(body=b"[]")

    async with gateway_to_handler(handler, concurrency=4) as gateway:
        await asyncio.gather(*(gateway.offers_of(PRODUCT) for _ in range(40)))
    assert greatest == 4
    assert len(peers) == 4


async def test_a_call_that_is_cancelled_gives_its_place_back() -> None:
    arrived = asyncio.Event()

    async def handler(_request: web.Request) -> web.Response:
        if not arrived.is_set():
            arrived.set()
            await asyncio.Event().wait()
        return web.Response(body=b"[]")

    async with gateway_to_handler(handler, limits=HttpLimits(), concurrency=1) as gateway:
        call = asyncio.create_task(gateway.offers_of(PRODUCT))
        await arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await gateway.offers_of(PRODUCT) == ObservedOffers({})


async def test_silence_is_not_waited_for() -> None:
    async def handler(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    patient = HttpLimits(connect=600, read=0.1, call=600)
    async with asyncio.timeout(PATIENCE), gateway_to_handler(handler, limits=patient) as gateway:
        with pytest.raises(OffersServiceUnavailable, match="timeout"):
            await gateway.offers_of(PRODUCT)


async def test_a_host_that_does_not_take_the_connection_is_not_waited_for() -> None:
    with ExitStack() as stack:
        deaf = stack.enter_context(socket.socket())
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(4):  # the queue of connections is full then, and the next one gets no answer
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        patient = HttpLimits(connect=0.1, read=600, call=600)
        async with asyncio.timeout(PATIENCE), gateway_to(url, limits=patient) as gateway:
            with pytest.raises(OffersServiceUnavailable, match="timeout"):
                await gateway.offers_of(PRODUCT)


@pytest.mark.parametrize(
    ("base_url", "reason"),
    [
        ("http://127.0.0.1:1", "connection failed"),
        ("http://nowhere.invalid", "host name not resolved"),
    ],
)
async def test_nobody_is_there(base_url: str, reason: str) -> None:
    async with gateway_to(base_url, limits=HttpLimits()) as gateway:
        with pytest.raises(OffersServiceUnavailable, match=reason):
            await gateway.offers_of(PRODUCT)


@pytest.mark.parametrize("base_url", ["upstream/api", "ftp://upstream", "", "http://"])
def test_a_base_url_that_is_none(base_url: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        gateway_of(base_url, GivenToken(TOKEN))


@pytest.mark.parametrize(
    "base_url", ["http://upstream", "https://upstream/", "http://127.0.0.1:8080/api/v1", "http://[::1]/a%20b"]
)
def test_a_url_below_another_is_what_httpx_reads_from_its_text(base_url: str) -> None:
    path = f"/products/{PRODUCT}/offers"
    url, read = UrlBelow(httpx.URL(base_url), path), httpx.URL(base_url.rstrip("/") + path)
    request = httpx.Request("GET", url)
    assert (str(request.url), request.url.raw_path, request.url.host) == (str(read), read.raw_path, read.host)
    assert url == read


@pytest.mark.parametrize(
    "sent",
    [
        None,
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[",
        b"HTTP/1.1 200 OK\r\nBearer\r\n: " + TOKEN.encode() + b"\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + TOKEN.encode() + b"\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[" + TOKEN.encode() + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: " + TOKEN.encode() + b"\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    ],
)
async def test_no_traceback_shows_the_token_even_if_upstream_echoes_it(sent: bytes | None) -> None:
    async with gateway_to_bytes(sent) as gateway:
        for call in (gateway.offers_of(PRODUCT), gateway.register(PRODUCT, "name", "")):
            with pytest.raises((OffersServiceUnavailable, AnswerRefused)) as error:
                await call
            assert TOKEN not in "".join(traceback.format_exception(error.value))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"detail": "no\\u0000t \\u001b[31mso\\n fast"}', "no t [31mso fast"),
        (json.dumps({"detail": f"header Bearer: {TOKEN}"}).encode(), "header Bearer: …"),
        (json.dumps({"detail": "x" * 5_000}).encode(), "x" * 200),
        (json.dumps({"detail": [{"loc": ["body", 0], "msg": "bad", "input": TOKEN}, 7]}).encode(), "body.0: bad"),
        (b'{"detail": {"a": 1}}', "no reason was given"),
        (b"<html>", "no reason was given"),
        (b"[" * 100_000, "no reason was given"),
        (b"", "no reason was given"),
    ],
)
async def test_the_reason_of_a_refusal_is_short_printable_and_without_secrets(body: bytes, reason: str) -> None:
    async with gateway_to_handler(answering(body, status=422)) as gateway:
        with pytest.raises(RegistrationRefused) as refusal:
            await gateway.register(PRODUCT, "name", "")
    assert str(refusal.value) == reason


async def test_every_error_is_one_that_the_port_promises(
    simulator: RunningSimulator, gateway: HttpxOffersGateway
) -> None:
    for status in (*range(300, 309), *range(400, 430), 451, 499, *range(500, 512)):
        simulator.simulation.misbehave(Faults(errors={"all": ErrorAnswer(status=status)}))
        with pytest.raises(OffersServiceError):
            await gateway.offers_of(PRODUCT)
        with pytest.raises(OffersServiceError):
            await gateway.register(UUID(int=9), "name", "")
