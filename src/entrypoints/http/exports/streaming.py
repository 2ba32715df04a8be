"""Exports that are streamed for minutes, packed for clients that read gzip, and visibly cut if they fail."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from litestar import Request
from litestar.types import Send

from entrypoints.http.route_declarations import Place
from entrypoints.http.streaming import Streaming

Item = TypeVar("Item")

GZIP_LEVEL = 3
_GZIP_FORMAT = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Streams:
    """The places of streams, which the addresses of clients share, and their limits in seconds.

    A stream holds a snapshot of the database, which holds up VACUUM.
    """

    place: Callable[[Request[Any, Any, Any]], Place]
    """Gives a request its caller's place."""
    total: float
    pause: float
    """For the client to take one part, some hundred kilobytes at most."""
    count: Callable[[str, str], None]
    """Called with the name and the outcome of each stream that has begun."""


class StreamedAnswer(Streaming, Generic[Item]):
    """An answer whose items come in batches; `render` writes one, and may take milliseconds.

    Its `file` is the name that clients should save it under.
    """

    def __init__(
        self,
        request: Request[Any, Any, Any],
        streams: Streams,
        batches: AsyncGenerator[Sequence[Item], None],
        render: Callable[[Sequence[Item]], bytes],
        *,
        file: str,
        media_type: str,
        head: bytes = b"",
    ) -> None:
        self._batches = batches
        self._render = render
        self._head = head
        gzip = accepts_gzip(request.headers.get("Accept-Encoding", ""))
        self._gzip = zlib.compressobj(GZIP_LEVEL, wbits=_GZIP_FORMAT) if gzip else None
        encoding = {"Content-Encoding": "gzip"} if gzip else {}
        disposition = {"Content-Disposition": f'attachment; filename="{file}"'}
        name = file.partition(".")[0]
        super().__init__(
            partial(streams.place, request),
            partial(streams.count, name),
            name=name,
            pause=streams.pause,
            total=streams.total,
            media_type=media_type,
            headers=disposition | encoding,
        )

    async def _send_parts(self, send: Send) -> None:
        async with aclosing(self._batches) as batches:
            batch = await anext(batches, None)
            await self._begin(send)
            await self._pass_on(send, await asyncio.to_thread(self._packed, self._head))
            while batch is not None:
                # A thread, because rendering and packing a batch would hold up other requests.
                await self._pass_on(send, await asyncio.to_thread(self._rendered, batch))
                batch = await anext(batches, None)
        await self._pass_on(send, self._gzip.flush() if self._gzip else b"")

    def _rendered(self, batch: Sequence[Item]) -> bytes:
        return self._packed(self._render(batch)) if batch else b""

    def _packed(self, part: bytes) -> bytes:
        if self._gzip is None or not part:
            return part
        # Flushed, so that the client can read each part as it comes.
        return self._gzip.compress(part) + self._gzip.flush(zlib.Z_SYNC_FLUSH)


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an Accept-Encoding header allows gzip (RFC 9110, section 12.5.3)."""
    weights: dict[str, float] = {}
    for each in accept_encoding.lower().split(","):
        coding, _, weight = each.partition(";")
        try:
            weights[coding.strip()] = float(weight.partition("=")[2] or 1)
        except ValueError:
            weights[coding.strip()] = 0
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0))) > 0
