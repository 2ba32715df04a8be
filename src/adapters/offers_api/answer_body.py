"""Reading an answer's body up to a bound, decompressed."""

import zlib
from codecs import BOM_UTF8

import httpx

# RFC 9110 §8.4.1.3: a recipient treats x-gzip as gzip.
_GZIP = frozenset({"gzip", "x-gzip"})


class UnreadableBody(Exception):
    """A body that is larger than allowed, or that cannot be decompressed; the text says which."""


async def read_body(response: httpx.Response, limit: int) -> bytes:
    """Return up to `limit` decompressed bytes, without a byte order mark (RFC 8259 §8.1 lets a reader ignore it).

    Raises:
        UnreadableBody
    """
    # What a field's bytes stand for (RFC 9110 §5.5), which httpx would find out anew for each answer.
    response.headers.encoding = "iso-8859-1"
    gunzip = _Gunzip() if _is_gzip(response.headers.get("Content-Encoding")) else None
    body = bytearray()
    if isinstance(response.stream, httpx.AsyncByteStream):
        # httpx would inflate each piece of an answer without a bound.
        async for piece in response.stream:
            body += piece if gunzip is None else gunzip.feed(piece, limit + 1 - len(body))
            if len(body) > limit:
                raise UnreadableBody("the answer is too large")
    if gunzip is not None and not gunzip.complete:
        raise UnreadableBody("the answer's gzip is not complete")
    return bytes(body).removeprefix(BOM_UTF8)


def _is_gzip(content_encoding: str | None) -> bool:
    if content_encoding is None:
        return False
    codings = [coding.strip().lower() for coding in content_encoding.split(",")]
    applied = [coding for coding in codings if coding not in {"", "identity"}]
    if len(applied) > 1 or not _GZIP.issuperset(applied):
        raise UnreadableBody("the answer has a content coding other than gzip")
    return bool(applied)


class _Gunzip:
    """Joins the contents of all members (RFC 1952 §2.2). Zero bytes behind a member are padding, as for gzip itself."""

    def __init__(self) -> None:
        self._member: zlib._Decompress | None = None

    @property
    def complete(self) -> bool:
        """Whether the last member has ended; true before the first one, because an empty body needs no member."""
        return self._member is None or self._member.eof

    def feed(self, piece: bytes, most: int) -> bytes:
        """Return up to `most` further bytes; the bytes beyond them are lost.

        Raises:
            UnreadableBody
        """
        inflated = bytearray()
        while piece and len(inflated) < most:
            if self._member is not None and self._member.eof:
                piece = piece.lstrip(b"\0")
                if not piece:
                    break
                self._member = None
            if self._member is None:
                self._member = zlib.decompressobj(wbits=31)
            try:
                inflated += self._member.decompress(piece, most - len(inflated))
            except zlib.error:
                raise UnreadableBody("the answer's gzip is damaged") from None
            piece = self._member.unused_data
        return bytes(inflated)
