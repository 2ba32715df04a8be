"""One trace of a request: the request, and the methods of the ports that answer it."""

import asyncio
import threading
from collections.abc import AsyncIterator

import httpx
import pytest
from opentelemetry.trace import SpanKind, StatusCode
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from adapters.tracing.limits import TraceLimits
from api_client.api import MISSING, SETTINGS, InMemoryOutside, Outside, client_of
from application.storage import StorageUnavailable
from entrypoints.configuration.settings import read_settings
from entrypoints.container import make_container
from entrypoints.http.app import create_app
from entrypoints.limits import Limits
from entrypoints.tracing import make_tracing
from entrypoints.wiring.instruments import instrumenting
from telemetry.kept_spans import Kept, KeptSpans, attributes_of
from upstream.servers import listening

REMOTE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
REQUEST = ("http.request.method", "http.route", "http.response.status_code")


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
async def client(kept: Kept, outside: Outside) -> AsyncIterator[httpx.AsyncClient]:
    container = make_container(read_settings(SETTINGS), InMemoryOutside(outside), make_tracing(), KeptSpans(kept))
    app = await create_app(container)
    async with client_of(app) as client:
        client.headers["Authorization"] = outside.authorization()
        yield client
    await container.close()


async def test_a_read_is_the_request_and_the_ports_method(client: httpx.AsyncClient, kept: Kept) -> None:
    created = await client.post("/products", json={"name": "Drill", "description": ""})
    kept.exporter.clear()
    assert (await client.get(created.headers["Location"])).status_code == 200
    assert kept.paths() == ["GET /products/{product_id} > CatalogueReader.detail", "GET /products/{product_id}"]
    request = kept.the("GET /products/{product_id}")
    assert request.kind is SpanKind.SERVER
    assert attributes_of(request, *REQUEST) == ["GET", "/products/{product_id}", 200]
    assert attributes_of(kept.the("CatalogueReader.detail"), "db.system.name") == ["postgresql"]


async def test_a_write_shows_its_use_case_and_its_unit_of_work(client: httpx.AsyncClient, kept: Kept) -> None:
    await client.post("/products", json={"name": "Drill", "description": ""})
    work = "POST /products > RegisterProduct > RegisterProducts > UnitOfWork > "
    assert {work + "ProductRepository.add", work + "UnitOfWork.commit"} <= set(kept.paths())


async def test_log_lines_of_a_request_have_the_id_of_its_trace(client: httpx.AsyncClient, kept: Kept) -> None:
    with capture_logs([merge_contextvars]) as lines:
        await client.get("/products")
    (line,) = [line for line in lines if line["event"] == "request"]
    assert line["trace_id"] == f"{kept.the('GET /products').context.trace_id:032x}"


async def test_probes_are_not_traced(client: httpx.AsyncClient, kept: Kept) -> None:
    assert [(await client.get(f"/health/{probe}")).status_code for probe in ("live", "ready")] == [200, 200]
    assert kept.ended == []


async def test_a_trace_goes_on_with_the_clients(client: httpx.AsyncClient, kept: Kept) -> None:
    await client.get("/products", headers={"traceparent": REMOTE})
    request, read = kept.the("GET /products"), kept.the("CatalogueReader.products")
    assert request.parent is not None
    assert f"{request.parent.trace_id:032x}-{request.parent.span_id:016x}" == REMOTE[3:-3]
    assert read.context.trace_id == request.context.trace_id == request.parent.trace_id


@pytest.mark.parametrize("garbled", ["00-0-0-01", "é", "0" * 5_000])
async def test_a_garbled_traceparent_begins_a_trace(client: httpx.AsyncClient, kept: Kept, garbled: str) -> None:
    assert (await client.get("/products", headers={b"traceparent": garbled.encode()})).status_code == 200
    assert kept.the("GET /products").parent is None


async def test_head_has_its_route_and_an_unknown_path_and_method_stay_out_of_names(
    client: httpx.AsyncClient, kept: Kept
) -> None:
    await client.head("/products")
    await client.get("/no/such/path")
    await client.request("BREW", "/no/such/path")
    assert [span.name for span in kept.ended if span.kind is SpanKind.SERVER] == ["HEAD /products", "GET", "_OTHER"]


async def test_a_refusal_is_no_error(client: httpx.AsyncClient, kept: Kept) -> None:
    assert (await client.get(f"/products/{MISSING}")).status_code == 404
    assert [span.status.status_code for span in kept.ended] == [StatusCode.UNSET] * 2


async def test_an_error_is_recorded_by_its_type_alone(client: httpx.AsyncClient, kept: Kept, outside: Outside) -> None:
    outside.storage.away = True
    assert (await client.get(f"/products/{MISSING}")).status_code == 503
    read, request = kept.ended
    assert (read.name, *attributes_of(read, "error.type")) == ("CatalogueReader.detail", StorageUnavailable.__name__)
    assert attributes_of(request, "error.type", "http.response.status_code") == ["503", 503]
    for span in (read, request):
        assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, None, ())


async def test_a_collector_that_hangs_holds_up_neither_requests_nor_the_stop() -> None:
    async def hang(_head: bytes, _reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.Event().wait()

    asked = asyncio.Event()
    limits = Limits(traces=TraceLimits(between=0.001, send=3_600, end=0.05))
    async with listening(hang) as port:
        settings = read_settings(SETTINGS | {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"})
        container = make_container(settings, InMemoryOutside(Outside()), *instrumenting(settings), limits=limits)
        async with client_of(await create_app(container)) as client:
            assert (await client.get("/products")).status_code == 200
            await asked.wait()
            assert (await client.get("/products")).status_code == 200
        await container.close()
        assert "last spans" in {thread.name for thread in threading.enumerate()}, "the stop waited for the collector"


async def test_a_streamed_export_is_a_span(client: httpx.AsyncClient, kept: Kept) -> None:
    assert (await client.get("/exports/products.ndjson")).status_code == 200
    assert "GET /exports/products.ndjson > CatalogueExport" in kept.paths()
