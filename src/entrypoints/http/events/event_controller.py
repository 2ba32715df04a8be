"""The event log over HTTP: pulled, or streamed."""

from functools import partial
from typing import Annotated, Any, Literal, Protocol
from uuid import UUID

from litestar import Controller, MediaType, Request, get
from litestar.params import QueryParameter
from litestar.response.base import ASGIResponse

from application.access.actor import Scope
from application.events.event_log import EventFilter, Position
from application.events.read_events import FollowEvents, PullEvents
from domain.event import EventType
from entrypoints.http.conditional_reads import NO_STORE
from entrypoints.http.events.event_stream import EventStream, StreamPlaces
from entrypoints.http.events.responses import PAGE, STREAM, encode_page
from entrypoints.http.problems.cursor_mismatch import CursorMismatch
from entrypoints.http.problems.problem_types import (
    CURSOR,
    CURSOR_EXPIRED,
    PROTECTED,
    UNAVAILABLE,
    VALIDATION,
    problems,
)
from entrypoints.http.route_declarations import Declaration, Header, Injected, declared


class EventAccess(Protocol):
    """The types of events that a request may read, and whether it still may."""

    async def types(self, request: Request[Any, Any, Any], wanted: list[str] | None) -> frozenset[EventType]:
        """Return the wanted types, or all that the caller may see.

        Raises:
            Unauthenticated, InvalidToken, StorageUnavailable
            InsufficientScope: the caller may not see all of them.
        """

    async def may_go_on(self, request: Request[Any, Any, Any]) -> bool:
        """Return whether the key that began a long answer is still in force; a token counts at the beginning only.

        It is False if the storage cannot tell: the client can go on later from where it is.
        """


MOST_FILTERED = 50
LATEST = "latest"

Types = Annotated[
    list[
        Literal[
            "product.created",
            "product.amended",
            "product.withdrawn",
            "product.registered",
            "product.rejected",
            "product.conflict",
            "price.changed",
            "alert.firing",
            "alert.resolved",
            "webhook.disabled",
        ]
    ]
    | None,
    QueryParameter(
        name="type",
        max_items=MOST_FILTERED,
        description=f"Only events of these types, up to {MOST_FILTERED}: give the parameter once for each. "
        "`alert.…` are for admins and keys with the scope `alerts:read`, `webhook.disabled` is for admins.",
    ),
]
ProductIds = Annotated[
    list[UUID] | None,
    QueryParameter(
        name="product_id",
        max_items=MOST_FILTERED,
        description=f"Only events of these products, up to {MOST_FILTERED}: give the parameter once for each.",
    ),
]
Limit = Annotated[int, QueryParameter(ge=1, le=1_000, description="Events per page.")]
Wait = Annotated[
    float,
    QueryParameter(
        ge=0,
        le=25,
        description="Seconds for which an empty answer waits for the first event that passes the filters.",
        schema_extra={"minimum": 0},  # Litestar does not describe a bound of zero
    ),
]
After = Annotated[
    str | None,
    QueryParameter(
        max_length=60,
        description="`next` of the page before, or an event's id. Without it the answer begins at the oldest event "
        f"that is kept; `{LATEST}` gives no events and the present cursor.",
    ),
]
StreamAfter = Annotated[
    str | None,
    QueryParameter(
        max_length=60,
        description="A cursor, or an event's id, from which on the events come. Without it, and without "
        "Last-Event-ID, which counts before it, the stream begins now.",
    ),
]


def _mistake(value: str) -> str | None:
    return None if len(value) <= 60 else "Expected `str` of length <= 60"


_LAST_EVENT_ID = Header(
    "Last-Event-ID",
    "The last id that the client has seen, as browsers send it when they connect again.",
    "1-3f2a-1b7",
    always=False,
    schema={"type": "string", "maxLength": 60},
    mistake=_mistake,
)


class EventController(Controller):
    """The event log: catalogue and prices for everybody, alerts and webhooks for callers with the right to see them."""

    path = "/events"
    tags = ("events",)

    @get(
        operation_id="listEvents",
        summary="Pull events",
        opt=declared(Declaration(public=True, scope=Scope.ALERTS_READ, widened=True, no_store=True)),
        responses={200: PAGE} | problems(CURSOR, CURSOR_EXPIRED, *PROTECTED, VALIDATION, *UNAVAILABLE),
    )
    async def pull(
        self,
        request: Request[Any, Any, Any],
        pull_events: Injected[PullEvents],
        event_access: Injected[EventAccess],
        types: Types = None,
        product_ids: ProductIds = None,
        after: After = None,
        limit: Limit = 100,
        wait: Wait = 0,
    ) -> ASGIResponse:
        """Read the events behind a cursor in the order of the log.

        `next` is never null: store it after your work, and go on from it. You see every event at least once, and
        exactly once if you look at the ids.
        """
        wanted = await _filter(event_access, request, types, product_ids)
        if after == LATEST:
            position = await pull_events.latest()
            body = b'{"items":[],"next":"%b","caught_up":true}' % position.cursor.encode()
        else:
            body = encode_page(await pull_events(_position(after), wanted, limit, wait))
        return ASGIResponse(body=body, media_type=MediaType.JSON, headers=NO_STORE)

    @get(
        "/stream",
        operation_id="streamEvents",
        summary="Stream events",
        media_type="text/event-stream",
        opt=declared(
            Declaration(
                public=True,
                scope=Scope.ALERTS_READ,
                widened=True,
                no_store=True,
                request_headers=(_LAST_EVENT_ID,),
            )
        ),
        responses={200: STREAM} | problems(CURSOR, *PROTECTED, VALIDATION, *UNAVAILABLE),
    )
    async def stream(
        self,
        request: Request[Any, Any, Any],
        follow_events: Injected[FollowEvents],
        event_access: Injected[EventAccess],
        event_streams: Injected[StreamPlaces],
        types: Types = None,
        product_ids: ProductIds = None,
        after: StreamAfter = None,
    ) -> ASGIResponse:
        """Get events as server-sent events, each with its id, its type as `event`, and its JSON as `data`.

        The first message has an id and no data, so that a client that is cut at once goes on from there. A quiet
        stream gets a comment every 15 seconds. If events behind the cursor are no longer kept, an event `reset` says
        where it goes on. A client that does not keep up is disconnected, and can go on from its last id.
        """
        wanted = await _filter(event_access, request, types, product_ids)
        begin = request.headers.get(_LAST_EVENT_ID.name) or after
        followed = follow_events(None if begin == LATEST else _position(begin), wanted)
        return EventStream(request, event_streams, followed, partial(event_access.may_go_on, request))


async def _filter(
    access: EventAccess, request: Request[Any, Any, Any], types: list[Any] | None, product_ids: list[UUID] | None
) -> EventFilter:
    return EventFilter(await access.types(request, types), frozenset(product_ids) if product_ids else None)


def _position(cursor: str | None) -> Position | None:
    try:
        return None if cursor is None else Position.parse(cursor)
    except ValueError as error:
        raise CursorMismatch("The cursor is none of the event log's. Leave it out, or use `latest`.") from error
