"""What is counted of calls to the Offers service, and of what came of them for products."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from adapters.metrics.metrics import Metrics
from adapters.offers_api.gateway import HttpxOffersGateway
from adapters.offers_api.limits import HttpLimits
from application.synchronisation.offers_gateway import OffersServiceError, OffersServiceUnavailable
from entrypoints.development.offers_simulator.app import RunningSimulator, running_simulator
from entrypoints.development.offers_simulator.faults import Chance, ErrorAnswer, Faults
from entrypoints.development.offers_simulator.malformed import MalformedKind
from entrypoints.development.offers_simulator.options import DEFAULT_REFRESH_TOKEN, SimulatorOptions
from factories import some_id
from fakes.synchronisation import TIMING, Synchronising
from telemetry.metric_values import counted, series
from upstream.clients import gateway_of, issuer_of
from upstream.servers import GivenToken
from waiting import until

KNOWN, UNKNOWN, HANGING = UUID(int=1), UUID(int=2), UUID(int=3)
FAST = HttpLimits(connect=1.0, read=1.0, call=2.0)


@pytest.fixture
async def simulator() -> AsyncIterator[RunningSimulator]:
    async with running_simulator(SimulatorOptions(seed=1)) as simulator:
        for product_id in (KNOWN, HANGING):
            simulator.simulation.world.register(product_id, datetime.now(UTC).timestamp())
        yield simulator


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def gateway(simulator: RunningSimulator, metrics: Metrics) -> AsyncIterator[HttpxOffersGateway]:
    issuer = issuer_of(simulator.base_url, DEFAULT_REFRESH_TOKEN)
    token = (await issuer()).token
    await issuer.aclose()
    gateway = gateway_of(simulator.base_url, GivenToken(token.reveal()), limits=FAST, observe=metrics.upstream.call)
    yield gateway
    await gateway.aclose()


def calls(metrics: Metrics, call: str) -> dict[str, float]:
    """Return the calls counted of one kind, by status."""
    samples = series(metrics, "aggregator_upstream_calls_total")
    return {labels["status"]: value for labels, value in samples if labels["call"] == call}


async def test_calls_are_counted_by_what_came_of_them(
    simulator: RunningSimulator, gateway: HttpxOffersGateway, metrics: Metrics
) -> None:
    await gateway.offers_of(KNOWN)
    await gateway.offers_of(KNOWN)
    await gateway.register(UNKNOWN, "name", "")
    for call in (gateway.offers_of(some_id()), gateway.register(KNOWN, "name", "")):
        with pytest.raises(OffersServiceError):
            await call
    assert calls(metrics, "offers") == {"200": 2, "404": 1}
    assert calls(metrics, "register") == {"201": 1, "409": 1}
    for status in (302, 429, 503, 501):
        simulator.simulation.misbehave(Faults(errors={"all": ErrorAnswer(status=status)}))
        with pytest.raises(OffersServiceError):
            await gateway.offers_of(KNOWN)
    assert calls(metrics, "offers") == {"200": 2, "404": 1, "3xx": 1, "429": 1, "503": 1, "5xx": 1}
    assert counted(metrics, "aggregator_upstream_call_duration_seconds_count", call="offers") == 7
    assert counted(metrics, "aggregator_upstream_call_duration_seconds_sum", call="offers") > 0


async def test_calls_without_an_answer_are_counted_by_why(
    simulator: RunningSimulator, gateway: HttpxOffersGateway, metrics: Metrics
) -> None:
    simulator.simulation.misbehave(Faults(resets={"all": Chance()}))
    with suppress(OffersServiceUnavailable):
        await gateway.offers_of(KNOWN)
    simulator.simulation.misbehave(Faults(hang_products=frozenset({HANGING})))
    with suppress(OffersServiceUnavailable):
        await gateway.offers_of(HANGING)
    assert calls(metrics, "offers") == {"connection_failed": 1, "timeout": 1}

    traffic = simulator.simulation.traffic
    await until(lambda: traffic.in_flight == 0)
    waiting = asyncio.create_task(gateway.offers_of(HANGING))
    await until(lambda: traffic.in_flight == 1)
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    assert calls(metrics, "offers")["abandoned"] == 1


@pytest.mark.parametrize(
    ("base_url", "status"),
    [
        ("http://nowhere.invalid", "host_not_resolved"),
        ("https://{at}", "tls_failed"),
        ("http://{at}", "not_http"),
    ],
)
async def test_an_upstream_that_is_none_is_counted_as_what_it_is(metrics: Metrics, base_url: str, status: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"garbage\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        at = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        gateway = gateway_of(base_url.format(at=at), GivenToken("t"), observe=metrics.upstream.call)
        with pytest.raises(OffersServiceUnavailable):
            await gateway.offers_of(KNOWN)
        await gateway.aclose()
    assert calls(metrics, "offers") == {status: 1}


@pytest.mark.parametrize("kind", ["html", "truncated", "wrong_type", "null"])
async def test_a_malformed_answer_is_counted_as_a_refused_one(
    simulator: RunningSimulator, gateway: HttpxOffersGateway, metrics: Metrics, kind: MalformedKind
) -> None:
    everything = Synchronising(timing=replace(TIMING, batch_deadline=5))
    good, bad = [await everything.registered() for _ in range(2)]
    for product_id in (good, bad):
        simulator.simulation.world.register(product_id, datetime.now(UTC).timestamp())
    simulator.simulation.misbehave(Faults(malformed={kind: frozenset({bad})}))
    metrics.work.batch("refresh", await replace(everything.refresh, offers=gateway)(), 0.1)
    assert counted(metrics, "aggregator_product_failures_total", work="refresh", reason="answer_refused") == 1
    assert counted(metrics, "aggregator_products_processed_total", work="refresh", outcome="failed") == 1
    assert counted(metrics, "aggregator_products_processed_total", work="refresh", outcome="observed") == 1
    assert counted(metrics, "aggregator_batch_duration_seconds_count", work="refresh") == 1
