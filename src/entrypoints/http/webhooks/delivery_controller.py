"""Deliveries to a webhook over HTTP: what became of them, and what is sent on demand."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from application.access.actor import Actor, Scope
from application.events.event_log import Position
from application.webhooks.attempts import AttemptOutcome, Delivery
from application.webhooks.on_demand import PingWebhook, ReplayEvents
from application.webhooks.ports import WebhookReader
from entrypoints.http.conditional_reads import NO_STORE
from entrypoints.http.problems.cursor_mismatch import CursorMismatch
from entrypoints.http.problems.problem_types import (
    BODY_PROBLEMS,
    CURSOR,
    CURSOR_EXPIRED,
    NOT_FOUND,
    PROTECTED,
    UNAVAILABLE,
    VALIDATION,
    WEBHOOK_DISABLED,
    prefix_of,
    problems,
)
from entrypoints.http.route_declarations import Declaration, Header, Injected, declared
from entrypoints.http.webhooks import examples
from entrypoints.http.webhooks.cursors import DeliveryCursors
from entrypoints.http.webhooks.parameters import SCOPED, WebhookId

OutcomeName = Annotated[
    Literal["delivered", "failed", "skipped"] | None, QueryParameter(description="Only attempts with this outcome.")
]
Limit = Annotated[int, QueryParameter(ge=1, le=100, description="Attempts per page.")]
Cursor = Annotated[
    str | None,
    QueryParameter(max_length=500, description="`next` of the page before, with the same `outcome`."),
]
_LINK = Header(
    "Link",
    "The following page, if there is one.",
    '</webhooks/8c1f6f0e-52f5-4b43-8a3b-0f7a3ad6c7f2/deliveries?limit=20&cursor=hG1pZAxk>; rel="next"',
    always=False,
    schema={"pattern": '^<[^>]+>; rel="next"$'},
)


After = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        description="The id of an event, or another cursor of the log: all events behind it are sent again.",
        examples=["1-2f3-9c"],
    ),
]


class ReplayRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From where on to send again."""

    after: After


class DeliveriesPage(msgspec.Struct, frozen=True):
    """Attempts, newest first; `next` is the cursor of the following page, null on the last."""

    items: Sequence[Delivery]
    next: str | None


class PingResponse(msgspec.Struct, frozen=True):
    """The id of the ping, under which its delivery is logged."""

    event_id: str


class ReplayResponse(msgspec.Struct, frozen=True):
    """Where the webhook stands in the log now."""

    position: str


class DeliveryController(Controller):
    """What was sent to a webhook, and what is to be sent."""

    path = "/webhooks/{webhook_id:uuid}"
    tags = ("webhooks",)
    opt = SCOPED

    @post(
        "/ping",
        status_code=202,
        operation_id="pingWebhook",
        summary="Send a ping to a webhook",
        response_headers=NO_STORE,
        responses={202: examples.pinged(PingResponse)}
        | problems(*PROTECTED, NOT_FOUND, WEBHOOK_DISABLED, VALIDATION, *UNAVAILABLE),
    )
    async def ping(
        self, webhook_id: WebhookId, ping_webhook: Injected[PingWebhook], actor: Injected[Actor]
    ) -> PingResponse:
        """Send a `webhook.ping` event at once, and once, however it is answered."""
        return PingResponse(await ping_webhook(webhook_id, actor=actor))

    @post(
        "/replay",
        status_code=202,
        operation_id="replayEvents",
        summary="Send events again",
        response_headers=NO_STORE,
        responses={202: examples.replayed(ReplayResponse)}
        | problems(*PROTECTED, NOT_FOUND, CURSOR, WEBHOOK_DISABLED, CURSOR_EXPIRED, *UNAVAILABLE, *BODY_PROBLEMS),
    )
    async def replay(
        self,
        webhook_id: WebhookId,
        data: JSONBody[ReplayRequest],
        replay_events: Injected[ReplayEvents],
        actor: Injected[Actor],
    ) -> ReplayResponse:
        """Send everything behind a cursor again, with the same ids."""
        try:
            after = Position.parse(data.after)
        except ValueError as error:
            raise CursorMismatch("The cursor is none of the event log's. Take the id of an event.") from error
        return ReplayResponse((await replay_events(webhook_id, after, actor=actor)).cursor)

    @get(
        "/deliveries",
        operation_id="listDeliveries",
        summary="Read a webhook's delivery log",
        opt=declared(Declaration(scope=Scope.WEBHOOKS_WRITE, answer_headers=(_LINK,))),
        response_headers=NO_STORE,
        responses={200: examples.deliveries(DeliveriesPage)}
        | problems(CURSOR, *PROTECTED, NOT_FOUND, VALIDATION, *UNAVAILABLE),
    )
    async def deliveries(
        self,
        request: Request[Any, Any, Any],
        webhook_id: WebhookId,
        webhook_reader: Injected[WebhookReader],
        delivery_cursors: Injected[DeliveryCursors],
        outcome: OutcomeName = None,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Response[DeliveriesPage]:
        """Read every attempt of the last seven days, newest first: the answer's status or why there was none."""
        wanted = AttemptOutcome(outcome) if outcome else None
        after = None if cursor is None else delivery_cursors.read(cursor, webhook_id, wanted)
        found, position = await webhook_reader.deliveries(webhook_id, wanted, limit, after)
        if position is None:
            return Response(DeliveriesPage(found, None))
        following = delivery_cursors.write(webhook_id, wanted, position)
        given = {"outcome": outcome, "limit": limit, "cursor": following}
        query = urlencode({name: value for name, value in given.items() if value is not None})
        path = f"{prefix_of(request.scope['state'])}/webhooks/{webhook_id}/deliveries"
        return Response(DeliveriesPage(found, following), headers={"Link": f'<{path}?{query}>; rel="next"'})
