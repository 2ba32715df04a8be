"""Entity tags of products, `"<revision>.<observation>.<stale>"`, and the preconditions that compare them."""

import re
from hashlib import sha256
from typing import Any

from litestar import Request

from application.catalogue.views import ProductView, Version
from entrypoints.http.conditional_reads import ANY, read_tags
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
    "Entity tags of the product, or `*`: unless the revision of one of them is the current one, the answer is 412.",
    TAG_EXAMPLE,
)

_OURS = re.compile(r'"([1-9][0-9]{0,17})\.(?:0|[1-9][0-9]*)\.[01](?:\.[0-9a-f]{16})?"')


def etag(product: ProductView | Version) -> str:
    """Return the product's entity tag."""
    observation = 0 if product.observed_at is None else round(product.observed_at.timestamp() * 1_000_000)
    return f'"{product.revision}.{observation}.{product.stale:d}"'


def etag_with_content(product: Version, body: bytes) -> str:
    """Return the entity tag of an answer that also changes with time alone; a digest is its fourth part."""
    return f'{etag(product)[:-1]}.{sha256(body).hexdigest()[:16]}"'


def expected_revisions(request: Request[Any, Any, Any]) -> frozenset[int] | None:
    """Return the revisions that If-Match names, None if it allows any.

    Only revisions count, because an observation is no edit. Weak and foreign tags match nothing.
    """
    tags = read_tags(request.headers.getall(IF_MATCH.name, []))
    if tags is None or tags == [ANY]:
        return None
    return frozenset(int(ours[1]) for ours in map(_OURS.fullmatch, tags) if ours)
