"""A product's entity tag, `"<revision>.<observation>.<stale>"`: how it is written, and how `If-Match` is read."""

import re
from hashlib import sha256
from typing import Any

from litestar import Request

from application.catalogue.views import ProductView, Version
from entrypoints.http.conditional_reads import ANY, read_tags

IF_MATCH = "If-Match"

_OURS = re.compile(r'"([1-9][0-9]{0,17})\.(?:0|[1-9][0-9]*)\.[01](?:\.[0-9a-f]{16})?"')


def etag(product: ProductView | Version) -> str:
    """Return the product's entity tag: its revision, its observation, and whether that has gone stale."""
    observation = 0 if product.observed_at is None else round(product.observed_at.timestamp() * 1_000_000)
    return f'"{product.revision}.{observation}.{product.stale:d}"'


def etag_with_content(product: Version, body: bytes) -> str:
    """Return the entity tag of an answer that changes by itself, too: with a digest of that as a fourth part."""
    return f'{etag(product)[:-1]}.{sha256(body).hexdigest()[:16]}"'


def expected_revisions(request: Request[Any, Any, Any]) -> frozenset[int] | None:
    """Return the revisions that the request is meant for, None if for any.

    Only revisions count, because an observation is no edit. Weak tags and those that are not ours match nothing.
    """
    tags = read_tags(request.headers.getall(IF_MATCH, []))
    if tags is None or tags == [ANY]:
        return None
    return frozenset(int(ours[1]) for ours in map(_OURS.fullmatch, tags) if ours)
