"""PostgreSQL's plans, as tests look at them."""

from collections.abc import Iterator
from typing import Any


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the node and all below it."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)
