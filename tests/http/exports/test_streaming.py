"""Exports over a real connection: few at once, ended with their client, and never cut in silence."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest
from structlog.testing import capture_logs

from api_client.api import Outside, problem_of
from api_client.server import Served, served
from application.catalogue.listing import EVERYTHING, ProductFilter
from application.storage import StorageUnavailable
from entrypoints.limits import RequestLimits, Shares
from waiting import let_time_pass, until

PATH = "/exports/products.ndjson"
LINE = b'{"id":"' + b"x" * 100_000 + b'"}'
LONG = 3600.0
PLAIN = {"Accept-Encoding": "identity"}


@dataclass
class HeldExport:
    """Gives `before` lines, waits until it is let go on or broken, and counts the closed ones."""

    before: int = 1
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None
    endless: bool = False
    open: int = 0

    async def __call__(
        self, wanted: ProductFilter = EVERYTHING, after: UUID | None = None
    ) -> AsyncGenerator[Sequence[bytes], None]:
        self.open += 1
        try:
            for _ in range(self.before):
                yield [LINE]
            while self.endless:
                yield [LINE]
            await self.go_on.wait()
            if self.error is not None:
                raise self.error
            yield [LINE]
        finally:
            self.open -= 1


@dataclass
class Running:
    """A server and its log."""

    server: Served
    logs: list[Any]

    @property
    def outcomes(self) -> list[str]:
        return [line["outcome"] for line in self.logs if line["event"] == "request" and "outcome" in line]


@asynccontextmanager
async def serving(export: HeldExport, limits: RequestLimits | None = None) -> AsyncIterator[Running]:
    outside = Outside(limits=limits or RequestLimits())
    outside.catalogue_export = export
    with capture_logs() as logs:
        async with served(outside) as api:
            yield Running(api, logs)


@asynccontextmanager
async def streaming(api: Running) -> AsyncIterator[tuple[httpx.Response, AsyncIterator[bytes]]]:
    async with api.server.client() as client, client.stream("GET", PATH, headers=PLAIN) as answer:
        assert answer.status_code == 200
        yield answer, answer.aiter_bytes()


async def test_lines_come_while_others_are_still_read_and_the_request_is_logged_at_the_end() -> None:
    export = HeldExport()
    async with serving(export) as api, streaming(api) as (_, parts):
        received = b""
        while len(received) < len(LINE):
            received += await anext(parts)
        assert api.outcomes == []
        export.go_on.set()
        received += b"".join([part async for part in parts])
        assert received == 2 * (LINE + b"\n")
        await until(lambda: api.outcomes == ["complete"])
        assert export.open == 0


async def test_a_client_that_leaves_ends_the_read() -> None:
    export = HeldExport()
    async with serving(export) as api:
        async with streaming(api) as (_, parts):
            await anext(parts)
            assert export.open == 1
        await until(lambda: api.outcomes == ["client_left"])
        assert export.open == 0


async def test_a_client_that_leaves_before_the_first_line_ends_the_read() -> None:
    export = HeldExport(before=0)
    async with serving(export) as api:
        _, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
        writer.write(f"GET {PATH} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        await until(lambda: export.open == 1)
        writer.close()
        await until(lambda: api.outcomes == ["client_left"])
        assert export.open == 0


@pytest.mark.parametrize("error", [StorageUnavailable("gone"), RuntimeError("a defect")])
async def test_a_failure_in_the_middle_is_seen_by_the_client(error: Exception) -> None:
    export = HeldExport(error=error)
    async with serving(export) as api, streaming(api) as (_, parts):
        await anext(parts)
        export.go_on.set()
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            _ = [part async for part in parts]
        await until(lambda: api.outcomes == ["failed"])
        assert [line["log_level"] for line in api.logs if line["event"] == "stream broken off"] == ["error"]


async def test_a_failure_before_the_first_line_is_a_problem() -> None:
    export = HeldExport(before=0, error=StorageUnavailable("gone"))
    export.go_on.set()
    async with serving(export) as api, api.server.client() as client:
        problem_of(await client.get(PATH), 503, "database-unavailable")


async def test_a_client_that_takes_nothing_is_given_up() -> None:
    export = HeldExport(endless=True)
    async with serving(export, RequestLimits(export_pause=0.2)) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port, limit=1)
        writer.write(f"GET {PATH} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        await until(lambda: api.outcomes == ["too_slow"])
        assert export.open == 0
        writer.close()
        del reader


async def test_an_export_has_an_end_however_fast_its_client_is(monkeypatch: pytest.MonkeyPatch) -> None:
    export, limits = HeldExport(), RequestLimits(request=2 * LONG, export_total=LONG, export_pause=2 * LONG)
    async with serving(export, limits) as api, streaming(api) as (_, parts):
        await anext(parts)
        let_time_pass(monkeypatch, LONG)
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            _ = [part async for part in parts]
        await until(lambda: api.outcomes == ["too_long"])
        assert export.open == 0


async def test_an_export_outlasts_the_time_limit_of_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    export, limits = HeldExport(), RequestLimits(request=LONG, export_total=2 * LONG, export_pause=2 * LONG)
    async with serving(export, limits) as api, streaming(api) as (_, parts):
        await anext(parts)
        # Later than the limit, which began earlier; the loop runs its timers in order.
        asyncio.get_running_loop().call_later(LONG, export.go_on.set)
        let_time_pass(monkeypatch, LONG)
        _ = [part async for part in parts]
        await until(lambda: api.outcomes == ["complete"])


async def test_places_are_few_and_an_address_has_not_all_of_them() -> None:
    export = HeldExport()
    async with serving(export, RequestLimits(exports=Shares(at_once=2, each=1))) as api:
        async with streaming(api), api.server.client() as client:
            refused = await client.get(PATH)
            problem_of(refused, 503, "overloaded")
            assert int(refused.headers["Retry-After"]) > 0
            assert (await client.head(PATH)).status_code == 200
            assert (await client.get("/products")).status_code == 200
        await until(lambda: export.open == 0)
        async with streaming(api):
            pass


async def test_a_server_that_stops_ends_exports_in_time() -> None:
    export = HeldExport()
    async with serving(export, RequestLimits(finish=1)) as api, streaming(api) as (_, parts):
        await anext(parts)
        api.server.server.should_exit = True
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            _ = [part async for part in parts]
        await api.server.running
        assert api.outcomes == ["stopped"]
        assert export.open == 0
