"""Events as they are answered, and examples of them for the OpenAPI description."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example

from application.events.event_log import EventPage
from domain.event import EventType
from entrypoints.http.route_declarations import answer

EVENT_STREAM = "text/event-stream"


class CloudEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event in the form of CloudEvents 1.0. `id` is its cursor, `subject` a product; `data` depends on the type."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: datetime
    data: dict[str, Any]
    subject: UUID | msgspec.UnsetType = msgspec.UNSET


class EventsPage(msgspec.Struct, frozen=True):
    """Events in the log's order. `next` is the cursor up to which the log was searched, also if it had no events.

    `caught_up` says that this was its end.
    """

    items: Sequence[CloudEvent]
    next: str
    caught_up: bool


def encode_page(page: EventPage) -> bytes:
    """Return the JSON of an EventsPage, whose items are encoded already."""
    items, following = b",".join(event.json for event in page.events), page.searched.cursor.encode()
    return b'{"items":[%b],"next":"%b","caught_up":%b}' % (items, following, b"true" if page.caught_up else b"false")


_AT = datetime(2026, 11, 26, 9, 41, 7, 204_000, tzinfo=UTC)
_BEFORE = datetime(2026, 11, 26, 8, 12, 3, 118_000, tzinfo=UTC)
_PRICE_CHANGED = CloudEvent(
    specversion="1.0",
    id="1-3f2a-1b7",
    source=EventType.PRICE_CHANGED.source,
    type=EventType.PRICE_CHANGED.value,
    subject=UUID("2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11"),
    time=_AT,
    data={
        "previous": {"price": 41_990, "state": "in_stock", "since": _BEFORE},
        "current": {
            "price": 41_250,
            "state": "in_stock",
            "since": _AT,
            "offer_id": UUID("8d1f6d0a-33a0-4d3a-9f4c-7c9a4a1c2b10"),
        },
        "unknown_since": None,
    },
)

PAGE = answer(EventsPage, "One page", EventsPage([_PRICE_CHANGED], "1-3f2a-1b7", caught_up=False))
_STREAM = (
    "retry: 3000\nid: 1-3f29-0\n\n"
    f"id: {_PRICE_CHANGED.id}\nevent: {_PRICE_CHANGED.type}\ndata: {msgspec.json.encode(_PRICE_CHANGED).decode()}\n\n"
)
STREAM = ResponseSpec(
    str,
    description="Events as they happen",
    media_type=EVENT_STREAM,
    generate_examples=False,
    examples=[Example(summary="The beginning of a stream", value=_STREAM)],
)
