"""The page of one webhook: its state, its deliveries, and buttons to send a test event or past events."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Controller, Request, get, post
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from application.access.actor import Actor
from application.events.event_log import EventsExpired, Position
from application.webhooks.attempts import AttemptOutcome
from application.webhooks.management import AmendWebhook, WebhookChange
from application.webhooks.on_demand import PingWebhook, ReplayEvents
from application.webhooks.ports import WebhookReader
from domain.errors import WebhookDisabled
from entrypoints.http.route_declarations import Declaration, Injected, declared
from entrypoints.http.webhooks.cursors import DeliveryCursors
from entrypoints.web.admin.admin_page import lead_admin, show_to_admin
from entrypoints.web.pages import Pages
from entrypoints.web.sessions import Sessions
from entrypoints.web.webhooks.webhook_form import WEBHOOKS

SHOWN = 50
"""Attempts on one page."""
DONE = {
    "saved": "The webhook is saved.",
    "enabled": "The webhook is enabled. It goes on where it ended.",
    "disabled": "The webhook is disabled. Nothing is sent to it until you enable it again.",
    "pinged": "A ping is on its way. Load this page in a moment to see how it was answered.",
    "replayed": "The events are sent again, with the same ids.",
}
NO_MISTAKES: Mapping[str, str] = MappingProxyType({})
LONGEST_CURSOR = 100
DISABLED = "Nothing is sent while the webhook is disabled. Enable it first."
NO_CURSOR = "This is not the id of an event. Copy it from a delivery, or from an event's `id`."
EXPIRED = "Events behind this one are no longer kept. Send all again that are kept."
_OUTCOMES = {outcome.value: outcome for outcome in AttemptOutcome}


class DeliveryController(Controller):
    """One webhook, and its deliveries."""

    path = "/webhooks/{webhook_id:uuid}"
    include_in_schema = False
    opt = declared(Declaration(session=True, ignores_query=True))

    @get("/")
    async def webhook(
        self,
        request: Request[Any, Any, Any],
        webhook_id: FromPath[UUID],
        webhook_reader: Injected[WebhookReader],
        delivery_cursors: Injected[DeliveryCursors],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Show the webhook, and the attempts that pass the filter, newest first."""
        return await _show(request, webhook_id, webhook_reader, delivery_cursors, pages, sessions)

    @post("/ping", status_code=303)
    async def ping(
        self,
        request: Request[Any, Any, Any],
        webhook_id: FromPath[UUID],
        ping_webhook: Injected[PingWebhook],
        actor: Injected[Actor],
        webhook_reader: Injected[WebhookReader],
        delivery_cursors: Injected[DeliveryCursors],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Send a test event."""
        try:
            await ping_webhook(webhook_id, actor=actor)
        except WebhookDisabled:
            mistakes = {"": DISABLED}
            return await _show(request, webhook_id, webhook_reader, delivery_cursors, pages, sessions, mistakes)
        return lead_admin(request, sessions, f"{WEBHOOKS}/{webhook_id}?done=pinged")

    @post(["/enable", "/disable"], status_code=303)
    async def switch(
        self,
        request: Request[Any, Any, Any],
        webhook_id: FromPath[UUID],
        amend_webhook: Injected[AmendWebhook],
        actor: Injected[Actor],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Enable or disable the webhook. Enabled again, it goes on with the event after the last one that it took."""
        enabled = request.scope["path"].endswith("/enable")
        await amend_webhook(webhook_id, WebhookChange(enabled=enabled), actor=actor)
        done = "enabled" if enabled else "disabled"
        return lead_admin(request, sessions, f"{WEBHOOKS}/{webhook_id}?done={done}")

    @post("/replay", status_code=303)
    async def replay(
        self,
        request: Request[Any, Any, Any],
        webhook_id: FromPath[UUID],
        replay_events: Injected[ReplayEvents],
        actor: Injected[Actor],
        webhook_reader: Injected[WebhookReader],
        delivery_cursors: Injected[DeliveryCursors],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Send all events after the given one again, or all events that are kept."""
        form = await request.form()
        typed = str(form.get("after") or "").strip()[:LONGEST_CURSOR]
        try:
            await replay_events(webhook_id, None if form.get("all") else Position.parse(typed), actor=actor)
        except ValueError:
            mistakes = {"after": NO_CURSOR}
        except EventsExpired:
            mistakes = {"after": EXPIRED}
        except WebhookDisabled:
            mistakes = {"": DISABLED}
        else:
            return lead_admin(request, sessions, f"{WEBHOOKS}/{webhook_id}?done=replayed")
        return await _show(request, webhook_id, webhook_reader, delivery_cursors, pages, sessions, mistakes, typed)


async def _show(
    request: Request[Any, Any, Any],
    webhook_id: UUID,
    reader: WebhookReader,
    cursors: DeliveryCursors,
    pages: Pages,
    sessions: Sessions,
    mistakes: Mapping[str, str] = NO_MISTAKES,
    typed: str = "",
) -> ASGIResponse:
    outcome = _OUTCOMES.get(request.query_params.get("outcome", ""))
    after = request.query_params.get("after")
    state = await reader.get(webhook_id)
    found, position = await reader.deliveries(
        webhook_id, outcome, SHOWN, cursors.read(after, webhook_id, outcome) if after else None
    )
    given = {"outcome": outcome.value} if outcome else {}
    return show_to_admin(
        request,
        pages,
        sessions,
        "webhooks/webhook.html",
        pages.formats(request),
        status=422 if mistakes else 200,
        state=state,
        webhook=state.webhook,
        deliveries=found,
        outcomes=list(_OUTCOMES),
        outcome=outcome,
        begun=after is not None,
        older=position and urlencode(given | {"after": cursors.write(webhook_id, outcome, position)}),
        typed=typed,
        mistakes=mistakes,
        done=DONE.get(request.query_params.get("done", ""), ""),
    )
