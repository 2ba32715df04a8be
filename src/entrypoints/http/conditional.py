"""Conditional reads (RFC 9110): an answer that the client has already is not sent again, nor asked for too soon."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec
from litestar import Request
from litestar.openapi.datastructures import ResponseSpec
from litestar.response.base import ASGIResponse

from application.ports import CatalogueReader, Clock

LONGEST_AGE = 5
"""Seconds for which anything may be kept at the most."""
NO_STORE = {"Cache-Control": "no-store"}
"""What answers to admins say."""

IF_NONE_MATCH = "If-None-Match"

ANY = "*"
_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
_EACH = re.compile(_TAG)

NOT_MODIFIED = {304: ResponseSpec(None, description="The client has this answer already", generate_examples=False)}
"""What the description of a conditional read says."""


class Freshness:
    """Tells for how many seconds an answer about products may be kept: until the first of them is observed again."""

    def __init__(self, clock: Clock, refresh_interval: timedelta) -> None:
        self._clock = clock
        self._refresh_interval = refresh_interval

    def __call__(self, observed_at: datetime | None) -> int:
        """Return the seconds left of the oldest observation; what has none, or is overdue, may change at any moment."""
        if observed_at is None:
            return 0
        left = (observed_at + self._refresh_interval - self._clock()).total_seconds()
        return max(0, min(int(left), LONGEST_AGE))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The reader and how long its answers may be kept; one thing, because Litestar gives several by starting tasks."""

    reader: CatalogueReader
    freshness: Freshness


def read_tags(request: Request[Any, Any, Any], header: str) -> list[str] | None:
    """Return the entity tags that the header lists, or `*` alone; None without the header.

    A list that cannot be read has no tags.
    """
    lines = request.headers.getall(header, [])
    if not lines:
        return None
    field = ", ".join(lines).strip(" \t")
    if field == ANY:
        return [ANY]
    return _EACH.findall(field) if _TAGS.fullmatch(field) else []


def digest_tag(body: bytes) -> str:
    """Return the entity tag of an answer that has no version but its content."""
    return f'"{blake2b(body, digest_size=16).hexdigest()}"'


def has_it(request: Request[Any, Any, Any], tag: str) -> bool:
    """Whether the client says that it has the answer with this entity tag already."""
    tags = read_tags(request, IF_NONE_MATCH) or []
    # Weakly compared: a weak tag is as good as a strong one here.
    return tags == [ANY] or tag in [each.removeprefix("W/") for each in tags]


def answer_not_modified(tag: str, max_age: int | None, headers: Mapping[str, str] | None = None) -> ASGIResponse:
    """Answer that the client has it already."""
    return ASGIResponse(status_code=304, headers=_described(tag, max_age, headers))


def answer_read(
    request: Request[Any, Any, Any],
    body: bytes,
    *,
    max_age: int | None = LONGEST_AGE,
    tag: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> ASGIResponse:
    """Answer with a body in JSON, or that the client has it already; without a tag its digest is the tag.

    `max_age` is in seconds; None for what nobody may keep.
    """
    tag = tag or digest_tag(body)
    if has_it(request, tag):
        return answer_not_modified(tag, max_age, headers)
    return ASGIResponse(body=body, headers=_described(tag, max_age, headers))


def answer_view(request: Request[Any, Any, Any], view: object) -> ASGIResponse:
    """Answer with a view, or that the client has it already."""
    return answer_read(request, msgspec.json.encode(view))


def _described(tag: str, max_age: int | None, headers: Mapping[str, str] | None) -> dict[str, str]:
    kept = NO_STORE if max_age is None else {"Cache-Control": f"public, max-age={max_age}"}
    return {**(headers or {}), "ETag": tag, **kept}
