"""Bodies as servers send them: compressed in every way that gzip allows, padded, and marked."""

import asyncio
import gzip
import json
import zlib
from itertools import count, pairwise

import httpx
import pytest

from adapters.offers_api.answer_body import UnreadableBody, read_body
from application.synchronisation.offers_gateway import AnswerRefused, RegistrationRefused
from domain.offer import ObservedOffers
from factories import some_id
from upstream.clients import issuer_of
from upstream.servers import answering, gateway_to_handler, listening

LIMIT = 1_000
TEXT = json.dumps([{"id": "f" * 32, "price": 1, "items_in_stock": 1}]).encode()
HEAD, TAIL = TEXT[:20], TEXT[20:]
BOM = b"\xef\xbb\xbf"


def named(content: bytes) -> bytes:
    """A member with every optional field of its header: extra, name, comment and the header's own checksum."""
    plain = gzip.compress(content, mtime=0)
    header = plain[:3] + b"\x1e" + plain[4:10] + b"\x02\x00xx" + b"offers.json\0" + b"a comment\0"
    return header + (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little") + plain[10:]


async def read(sent: bytes, coding: str | None, *, pieces: int = 1, limit: int = LIMIT) -> bytes:
    """Read a body that arrives in so many pieces."""
    ends = [len(sent) * number // pieces for number in range(pieces + 1)]
    given = [sent[begin:end] for begin, end in pairwise(ends)]

    class Stream(httpx.AsyncByteStream):
        async def __aiter__(self):  # type: ignore[no-untyped-def]
            for piece in given:
                yield piece

    headers = {} if coding is None else {"Content-Encoding": coding}
    return await read_body(httpx.Response(200, headers=headers, stream=Stream()), limit)


WAYS = {
    "one member": gzip.compress(TEXT),
    "members": gzip.compress(HEAD) + gzip.compress(TAIL),
    "empty members": gzip.compress(b"") + gzip.compress(TEXT) + gzip.compress(b""),
    "padded": gzip.compress(TEXT) + bytes(512),
    "padded members": gzip.compress(HEAD) + bytes(3) + gzip.compress(TAIL) + bytes(1),
    "stored": gzip.compress(TEXT, compresslevel=0),
    "all header fields": named(HEAD) + named(TAIL),
    "marked": gzip.compress(BOM + TEXT),
}


@pytest.mark.parametrize("sent", WAYS.values(), ids=WAYS)
async def test_gzip_is_read_however_it_arrives(sent: bytes) -> None:
    for pieces in range(1, len(sent) + 1):
        assert await read(sent, "gzip", pieces=pieces) == TEXT


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", "X-GZip", " gzip ", "identity, gzip", "gzip,"])
async def test_gzip_by_all_its_names(coding: str) -> None:
    assert await read(gzip.compress(TEXT), coding) == TEXT


@pytest.mark.parametrize("coding", [None, "identity", "Identity", "", ","])
async def test_what_is_not_compressed(coding: str | None) -> None:
    assert await read(TEXT, coding) == TEXT
    assert await read(BOM + TEXT, coding) == TEXT
    assert await read(b"", coding) == b""


async def test_an_empty_body_needs_no_member() -> None:
    assert await read(b"", "gzip") == b""


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (gzip.compress(TEXT)[:-1], "not complete"),
        (gzip.compress(TEXT)[:5], "not complete"),
        (gzip.compress(HEAD) + gzip.compress(TAIL)[:-1], "not complete"),
        (gzip.compress(TEXT) + b"garbage", "damaged"),
        (gzip.compress(TEXT) + bytes(3) + b"garbage", "damaged"),
        (gzip.compress(TEXT)[:-8] + bytes(8), "damaged"),
        (bytes(3) + gzip.compress(TEXT), "damaged"),
        (TEXT, "damaged"),
        (zlib.compress(TEXT), "damaged"),
    ],
    ids=count(),
)
async def test_what_is_no_gzip_is_refused_with_its_reason(sent: bytes, reason: str) -> None:
    for pieces in (1, 2, len(sent)):
        with pytest.raises(UnreadableBody, match=reason):
            await read(sent, "gzip", pieces=pieces)


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip", "gzip, br", "gzipped"])
async def test_other_codings_are_refused_with_their_reason(coding: str) -> None:
    with pytest.raises(UnreadableBody, match="coding other than gzip"):
        await read(TEXT, coding)


@pytest.mark.parametrize("cut", [1, 400, LIMIT - 1])
async def test_the_limit_is_for_all_members_together(cut: int) -> None:
    content = b"x" * LIMIT
    members = gzip.compress(content[:cut]) + gzip.compress(content[cut:])
    for pieces in (1, 2, 7, len(members)):
        assert await read(members, "gzip", pieces=pieces) == content
        with pytest.raises(UnreadableBody, match="too large"):
            await read(members + gzip.compress(b"x"), "gzip", pieces=pieces)
        with pytest.raises(UnreadableBody, match="too large"):
            await read(members, "gzip", pieces=pieces, limit=LIMIT - 1)


async def test_a_mark_is_no_content_for_any_call() -> None:
    async with gateway_to_handler(answering(BOM + b"[]")) as gateway:
        assert await gateway.offers_of(some_id()) == ObservedOffers({})
    async with gateway_to_handler(answering(BOM + b'{"detail": "too long"}', status=422)) as gateway:
        with pytest.raises(RegistrationRefused, match=r"^too long$"):
            await gateway.register(some_id(), "name", "")


async def test_a_token_is_read_from_what_is_marked_and_compressed() -> None:
    body = gzip.compress(BOM) + gzip.compress(b'{"access_token": "a-token"}') + bytes(3)

    async def answer(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 201 Created\r\nContent-Encoding: x-gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)

    async with listening(answer) as port:
        issuer = issuer_of(f"http://127.0.0.1:{port}", "refresh-token")
        assert (await issuer()).token.reveal() == "a-token"
        await issuer.aclose()


async def test_the_reason_is_told_where_the_body_counts() -> None:
    unreadable = answering(b"[]", headers={"Content-Encoding": "br"})
    async with gateway_to_handler(unreadable) as gateway:
        with pytest.raises(AnswerRefused, match=r"^the answer has a content coding other than gzip$"):
            await gateway.offers_of(some_id())
    async with gateway_to_handler(answering(b"[]", status=201, headers={"Content-Encoding": "br"})) as gateway:
        await gateway.register(some_id(), "name", "")
