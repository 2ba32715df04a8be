"""Conditional reads (RFC 9110, section 13): a client that has the present answer is not sent it again."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from litestar import Request
from litestar.openapi.datastructures import ResponseSpec
from litestar.response.base import ASGIResponse

from application.clock import Clock

LONGEST_AGE = 5
"""Seconds for which a public answer may be kept at most."""
PAGE_AGE = 300
"""Seconds for which an answer that changes only with a release may be kept; then its entity tag is checked."""
NO_STORE = {"Cache-Control": "no-store"}
IF_NONE_MATCH = "If-None-Match"
ANY = "*"

NOT_MODIFIED = {304: ResponseSpec(None, description="The client has this answer already", generate_examples=False)}

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
_EACH = re.compile(_TAG)

ENCODER = msgspec.json.Encoder(decimal_format="number")
"""Exact decimals are JSON numbers."""


class Freshness:
    """How long an answer about products may be kept: until the first of them is due to be observed again."""

    def __init__(self, clock: Clock, refresh_interval: timedelta) -> None:
        self._clock = clock
        self._refresh_interval = refresh_interval

    def __call__(self, observed_at: datetime | None) -> int:
        """Return the seconds left of the oldest observation; 0 without one, or if the next one is overdue."""
        if observed_at is None:
            return 0
        left = (observed_at + self._refresh_interval - self._clock()).total_seconds()
        return max(0, min(int(left), LONGEST_AGE))


def read_tags(lines: Sequence[str]) -> list[str] | None:
    """Return the entity tags that a header's lines list, or `*` alone; None without a line.

    A malformed list has no tags.
    """
    if not lines:
        return None
    field = ", ".join(lines).strip(" \t")
    if field == ANY:
        return [ANY]
    return _EACH.findall(field) if _TAGS.fullmatch(field) else []


def digest_tag(body: bytes) -> str:
    """Return the entity tag of an answer that has no version but its content."""
    # Half of a SHA-256 is enough. Processors have instructions for it, so it takes a third of the time of others.
    return f'"{sha256(body).hexdigest()[:32]}"'


def matches(lines: Sequence[str], tag: str) -> bool:
    """Return whether the lines of If-None-Match name this entity tag, by the weak comparison."""
    tags = read_tags(lines) or []
    return tags == [ANY] or tag in [each.removeprefix("W/") for each in tags]


def answer_read(
    request: Request[Any, Any, Any],
    body: bytes,
    *,
    max_age: int | None = LONGEST_AGE,
    tag: str | None = None,
    headers: Mapping[str, str] | None = None,
    media_type: str = "application/json",
) -> ASGIResponse:
    """Answer with a body, or with 304; without a tag, the digest of the body is the tag.

    `max_age` is in seconds; None means that no cache may keep the answer.
    """
    tag = tag or digest_tag(body)
    described = cache_headers(tag, max_age) | dict(headers or {})
    if matches(request.headers.getall(IF_NONE_MATCH, []), tag):
        return ASGIResponse(status_code=304, headers=described)
    return ASGIResponse(body=body, headers=described, media_type=media_type)


def answer_view(request: Request[Any, Any, Any], view: object) -> ASGIResponse:
    """Answer with a view, or with 304."""
    return answer_read(request, ENCODER.encode(view))


def cache_headers(tag: str, max_age: int | None) -> dict[str, str]:
    """Return the headers for caches: the tag, and how long the answer may be kept."""
    return {"ETag": tag} | (NO_STORE if max_age is None else {"Cache-Control": f"public, max-age={max_age}"})
