"""Conditional reads (RFC 9110): an answer that the client has already is not sent again, nor asked for too soon."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from litestar import Request
from litestar.openapi.datastructures import ResponseSpec
from litestar.response.base import ASGIResponse

from application.unit_of_work import CatalogueReader, Clock

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


def read_tags(lines: Sequence[str]) -> list[str] | None:
    """Return the entity tags that a header's lines list, or `*` alone; None without a line.

    A list that cannot be read has no tags.
    """
    if not lines:
        return None
    field = ", ".join(lines).strip(" \t")
    if field == ANY:
        return [ANY]
    return _EACH.findall(field) if _TAGS.fullmatch(field) else []


def digest_tag(body: bytes) -> str:
    """Return the entity tag of an answer that has no version but its content."""
    # Half of a SHA-256 is enough, and processors have instructions for it: a third of the time of others.
    return f'"{sha256(body).hexdigest()[:32]}"'


def has_it(lines: Sequence[str], tag: str) -> bool:
    """Whether If-None-Match, line by line, says that the client has the answer with this entity tag already."""
    tags = read_tags(lines) or []
    # Weakly compared: a weak tag is as good as a strong one here.
    return tags == [ANY] or tag in [each.removeprefix("W/") for each in tags]


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
    described = describe(tag, max_age) | dict(headers or {})
    if has_it(request.headers.getall(IF_NONE_MATCH, []), tag):
        return ASGIResponse(status_code=304, headers=described)
    return ASGIResponse(body=body, headers=described)


def answer_view(request: Request[Any, Any, Any], view: object) -> ASGIResponse:
    """Answer with a view, or that the client has it already."""
    return answer_read(request, msgspec.json.encode(view))


def describe(tag: str, max_age: int | None) -> dict[str, str]:
    """Return the headers that say what may be done with the answer."""
    return {"ETag": tag} | (NO_STORE if max_age is None else {"Cache-Control": f"public, max-age={max_age}"})
