"""What each layer of the API costs for a product that is read: CPU in this process, without a network or a database.

Run it from the root with `PYTHONPATH=tests .venv/bin/python -m benchmarks.reads.layers 2>/dev/null`: the log goes to
standard error.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import uvloop

from api_client.api import SETTINGS, Outside, serving
from application.catalogue.views import Encoded, ProductDetailView, Version
from entrypoints.configuration.settings import read_settings
from entrypoints.gc_tuning import collect_rarely, freeze_startup_objects
from entrypoints.http.middleware import request_frame
from entrypoints.http.products.etags import etag
from entrypoints.logs import configure_logs

ROUNDS = 9
REQUESTS = 2_000
_ID = uuid4()
_VERSION = Version(1, datetime.now(UTC), stale=False)
_BODY = b'{"name":"' + b"x" * 1_300 + b'"}'


class _Reader:
    async def detail(self, _: UUID, *, sold_out_too: bool = False) -> Encoded[ProductDetailView]:  # noqa: ARG002
        return Encoded(_BODY, _VERSION)

    async def version(self, _: UUID) -> Version:
        return _VERSION


async def _measure() -> None:
    settings = read_settings(SETTINGS)
    configure_logs(settings)
    collect_rarely()
    async with serving(Outside()) as api:
        frame: Any = api.app.asgi_handler
        not_modified = frame._app  # noqa: SLF001
        litestar = not_modified._app  # noqa: SLF001
        object.__setattr__(not_modified._catalogue, "reader", _Reader())  # noqa: SLF001
        freeze_startup_objects()

        async def answer(_scope: Any, _receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": _BODY})

        nothing = await _cost(api.app, answer)
        framework = await _cost(api.app, litestar)
        conditional = await _cost(api.app, not_modified, (b"if-none-match", etag(_VERSION).encode()))
        frame._app = answer  # noqa: SLF001
        framed = await _cost(api.app, frame)
        request_frame.log.info = lambda *_, **__: None
        unlogged = await _cost(api.app, frame)
        print(f"routing, parameters, handler, headers  {framework - nothing:6.1f} µs")
        print(f"frame: place, id, time limit, metrics  {unlogged - nothing:6.1f} µs")
        print(f"log line                               {framed - unlogged:6.1f} µs")
        print(f"304 instead of the first               {conditional - nothing:6.1f} µs")


async def _cost(app: Any, layer: Any, *headers: tuple[bytes, bytes]) -> float:
    """Return the least CPU time of a request over all rounds, in microseconds."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: object) -> None:
        pass

    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for number in range(REQUESTS):
            await layer(_scope(app, headers), receive, send)
            if number % 32 == 0:
                await asyncio.sleep(0)
        rounds.append((time.process_time() - began) / REQUESTS * 1e6)
    return min(rounds)


def _scope(app: Any, headers: tuple[tuple[bytes, bytes], ...]) -> dict[str, Any]:
    path = f"/products/{_ID}"
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {"request_id": "x"},
        "litestar_app": app,
    }


if __name__ == "__main__":
    uvloop.run(_measure())
