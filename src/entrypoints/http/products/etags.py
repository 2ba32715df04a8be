"""Entity tags of products, `"<revision>.<observation>.<stale>"`, and the preconditions that compare them."""

import re
from collections.abc import Container
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from litestar import Request

from application.catalogue.views import ProductView, Version
from entrypoints.http.conditional_reads import ANY, IF_NONE_MATCH, read_tags
from entrypoints.http.route_declarations import Header

TAG_EXAMPLE = '"2.1763890924512000.0"'
ETAG = Header(
    "ETag",
    "The answer's entity tag; a product's has its revision, its observation and whether that is stale.",
    TAG_EXAMPLE,
    schema={"pattern": '^"[!#-~]+"$'},
)
IF_MATCH = Header(
    "If-Match",
    "Entity tags of the product, or `*`: unless the revision of one of them is the current one, the answer is 412. A "
    "weak tag counts by its revision too.",
    TAG_EXAMPLE,
)
UNLESS_MATCHING = Header(
    IF_NONE_MATCH,
    "Entity tags of the product, or `*`: if the revision of one of them is the current one, the answer is 412.",
    TAG_EXAMPLE,
)
PRECONDITIONS = (IF_MATCH, UNLESS_MATCHING)
"""The headers that guard a write."""

_OURS = re.compile(r'(?:W/)?"([1-9][0-9]{0,17})\.(?:0|[1-9][0-9]*)\.[01](?:\.[0-9a-f]{16})?"')


def etag(product: ProductView | Version) -> str:
    """Return the product's entity tag."""
    observation = 0 if product.observed_at is None else round(product.observed_at.timestamp() * 1_000_000)
    return f'"{product.revision}.{observation}.{product.stale:d}"'


def etag_with_content(product: Version, body: bytes) -> str:
    """Return the entity tag of an answer that also changes with time alone; a digest is its fourth part."""
    return f'{etag(product)[:-1]}.{sha256(body).hexdigest()[:16]}"'


@dataclass(frozen=True, slots=True)
class _Revisions(Container[int]):
    """The revisions at which a write is allowed: those of If-Match without those of If-None-Match; None is all."""

    matching: frozenset[int] | None
    unless: frozenset[int] | None

    def __contains__(self, revision: object) -> bool:
        is_expected = self.matching is None or revision in self.matching
        return is_expected and self.unless is not None and revision not in self.unless


def expected_revisions(request: Request[Any, Any, Any]) -> Container[int] | None:
    """Return the revisions that If-Match and If-None-Match allow a write to find, None if they allow any.

    Only revisions count, because an observation is no edit. Foreign tags match nothing. RFC 9110, section 13.1.1, wants
    strong tags in If-Match; ours count when they are weak too, because gzipping proxies make them so, and a revision is
    the same in every encoding.
    """
    matching = read_tags(request.headers.getall(IF_MATCH.name, []))
    unless = read_tags(request.headers.getall(IF_NONE_MATCH, []))
    if matching in (None, [ANY]) and not unless:
        return None
    return _Revisions(_revisions(matching), _revisions(unless or []))


def _revisions(tags: list[str] | None) -> frozenset[int] | None:
    if tags is None or tags == [ANY]:
        return None
    return frozenset(int(ours[1]) for ours in map(_OURS.fullmatch, tags) if ours)
