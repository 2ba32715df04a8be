"""One trace of an observation: the batch, its claim, its calls and the writing of their answers."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy.ext.asyncio import AsyncEngine

from e2e.faults.in_process_worker import InProcessWorker
from entrypoints.configuration.settings import Settings
from entrypoints.container import make_container
from entrypoints.development.offers_simulator import app as simulator_app
from entrypoints.development.offers_simulator.app import running_simulator
from entrypoints.development.offers_simulator.options import SimulatorOptions
from entrypoints.limits import WORKING
from entrypoints.tracing import make_tracing
from telemetry.kept_spans import Kept, KeptSpans, attributes_of

JOB = "refresh_due_products"
CALL = f"{JOB} > OffersGateway.offers_of > GET"


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """Give the `traceparent` of the last request for each path that the simulator is sent."""
    told: dict[str, str | None] = {}

    def noting(_hosts: object) -> Middleware:
        @web.middleware
        async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
            told[request.path] = request.headers.get("traceparent")
            return await handler(request)

        return note

    monkeypatch.setattr(simulator_app, "_allowing", noting)
    return told


@pytest.fixture
async def worker(
    dsn: str, database: AsyncEngine, kept: Kept, told: dict[str, str | None]
) -> AsyncIterator[InProcessWorker]:
    async with running_simulator(SimulatorOptions(seed=1, tick=1e6)) as simulator:
        settings = Settings(database_url=dsn, offers_base_url=simulator.base_url)
        container = make_container(settings, make_tracing(), KeptSpans(kept), limits=WORKING)
        yield InProcessWorker(dsn, simulator, container)
        await container.close()


async def test_an_observation_is_one_trace(worker: InProcessWorker, kept: Kept, told: dict[str, str | None]) -> None:
    product_id = await worker.watched()
    kept.exporter.clear()
    await worker.refresh()
    assert set(kept.paths()) >= {
        JOB,
        f"{JOB} > UnitOfWork > SynchronisationRepository.claim_observations",
        f"{JOB} > UnitOfWork > UnitOfWork.commit",
        f"{JOB} > OffersGateway.offers_of",
        CALL,
        f"{JOB} > UnitOfWork > OfferRepository.record",
    }
    assert len({span.context.trace_id for span in kept.ended}) == 1
    call = kept.the("GET")
    assert call.kind is SpanKind.CLIENT
    assert attributes_of(call, "http.request.method", "http.response.status_code", "server.address", "server.port") == [
        *("GET", 200, "127.0.0.1"),
        worker.simulator.port,
    ]
    claim = kept.the("SynchronisationRepository.claim_observations")
    assert attributes_of(claim, "db.system.name") == ["postgresql"]
    sent = f"00-{call.context.trace_id:032x}-{call.context.span_id:016x}"
    assert (told[f"/api/v1/products/{product_id}/offers"] or "")[:-3] == sent


async def test_a_registration_and_the_request_for_a_token_are_told_of_their_trace(
    worker: InProcessWorker, kept: Kept, told: dict[str, str | None]
) -> None:
    await worker.create()
    await worker.submit()
    assert kept.the("submit_registrations").parent is None
    traces = {f"{span.context.trace_id:032x}" for span in kept.named("submit_registrations")}
    assert {(told[f"/api/v1{path}"] or "")[3:35] for path in ("/auth", "/products/register")} == traces


async def test_a_failed_call_is_an_error_without_its_text(worker: InProcessWorker, kept: Kept) -> None:
    await worker.watched()
    kept.exporter.clear()
    worker.misbehave(errors={"offers": {"status": 500}})
    await worker.refresh()
    call, attempt = kept.the("GET"), kept.the("OffersGateway.offers_of")
    assert attributes_of(call, "error.type", "http.response.status_code") == ["500", 500]
    assert attributes_of(attempt, "error.type") == ["OffersServiceUnavailable"]
    for span in (call, attempt):
        assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, None, ())


async def test_a_large_batch_shows_some_calls_and_counts_the_others(worker: InProcessWorker, kept: Kept) -> None:
    most = WORKING.traces.spans_of_a_name
    for _ in range(most + 5):
        await worker.create()
    await worker.submit()
    kept.exporter.clear()
    await worker.refresh()
    assert (len(kept.named("GET")), len(kept.named("OffersGateway.offers_of"))) == (most, most)
    assert kept.named("OfferRepository.record"), "calls may not crowd out the writing"
    (left_out,) = attributes_of(kept.the(JOB), "aggregator.spans_left_out")
    assert isinstance(left_out, int)
    assert left_out >= 5
