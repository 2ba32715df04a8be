"""Pages for webhooks: the list, the form, a secret shown once, and questions before a change that cannot be undone."""

from typing import Any
from uuid import UUID

from litestar import Controller, Request, get, post
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from application.access.actor import Actor
from application.webhooks.management import AmendWebhook, CreateWebhook, DeleteWebhook, RotateSecret, WebhookChange
from application.webhooks.ports import WebhookReader
from domain.errors import InvalidText, TooManyWebhooks
from entrypoints.http.route_declarations import Declaration, Injected, declared
from entrypoints.web.admin.admin_page import lead_admin, show_to_admin
from entrypoints.web.pages import Pages
from entrypoints.web.sessions import Sessions
from entrypoints.web.webhooks.webhook_form import WEBHOOKS, WebhookForm, show_webhook_form


class WebhookController(Controller):
    """Pages for webhooks."""

    path = "/webhooks"
    include_in_schema = False
    opt = declared(Declaration(session=True, ignores_query=True))

    @get("/")
    async def webhooks(
        self,
        request: Request[Any, Any, Any],
        webhook_reader: Injected[WebhookReader],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Show all webhooks, the oldest first."""
        return show_to_admin(
            request,
            pages,
            sessions,
            "webhooks/list.html",
            pages.formats(request),
            states=await webhook_reader.list(),
            deleted=request.query_params.get("done") == "deleted",
        )

    @get("/new")
    async def new(
        self, request: Request[Any, Any, Any], pages: Injected[Pages], sessions: Injected[Sessions]
    ) -> ASGIResponse:
        """Show an empty form."""
        return show_webhook_form(request, pages, sessions, WebhookForm(), None)

    @post("/new", status_code=200)
    async def create(
        self,
        request: Request[Any, Any, Any],
        create_webhook: Injected[CreateWebhook],
        actor: Injected[Actor],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Create a webhook and show its secret, this once, or the form with its mistakes."""
        form = await WebhookForm.of(request)
        try:
            made = await create_webhook(
                url=form.url,
                description=form.description,
                types=form.types,
                product_ids=form.chosen_products(),
                actor=actor,
            )
        except InvalidText as error:
            form.mistakes[error.field] = str(error)
            return show_webhook_form(request, pages, sessions, form, None)
        except TooManyWebhooks as error:
            form.mistakes[""] = str(error)
            return show_webhook_form(request, pages, sessions, form, None)
        formats = pages.formats(request)
        return show_to_admin(
            request, pages, sessions, "webhooks/secret.html", formats, webhook=made.webhook, text=made.secret
        )

    @get("/{webhook_id:uuid}/edit")
    async def edit(
        self,
        request: Request[Any, Any, Any],
        webhook_id: FromPath[UUID],
        webhook_reader: Injected[WebhookReader],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Show the webhook's form."""
        form = WebhookForm.stored((await webhook_reader.get(webhook_id)).webhook)
        return show_webhook_form(request, pages, sessions, form, webhook_id)

    @post("/{webhook_id:uuid}/edit", status_code=303)
    async def amend(
        self,
        request: Request[Any, Any, Any],
        webhook_id: FromPath[UUID],
        amend_webhook: Injected[AmendWebhook],
        actor: Injected[Actor],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Save the webhook and show it, or the form with its mistakes."""
        form = await WebhookForm.of(request)
        try:
            change = WebhookChange(
                url=form.url, description=form.description, types=form.types, product_ids=form.chosen_products()
            )
            await amend_webhook(webhook_id, change, actor=actor)
        except InvalidText as error:
            form.mistakes[error.field] = str(error)
            return show_webhook_form(request, pages, sessions, form, webhook_id)
        return lead_admin(request, sessions, f"{WEBHOOKS}/{webhook_id}?done=saved")

    @get(["/{webhook_id:uuid}/rotate", "/{webhook_id:uuid}/delete"])
    async def confirm(
        self,
        request: Request[Any, Any, Any],
        webhook_id: FromPath[UUID],
        webhook_reader: Injected[WebhookReader],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Ask once before the secret is replaced, or the webhook deleted."""
        webhook = (await webhook_reader.get(webhook_id)).webhook
        template = f"webhooks/{request.scope['path'].rpartition('/')[2]}.html"
        return show_to_admin(request, pages, sessions, template, pages.formats(request), webhook=webhook)

    @post("/{webhook_id:uuid}/rotate", status_code=200)
    async def rotate(
        self,
        request: Request[Any, Any, Any],
        webhook_id: FromPath[UUID],
        rotate_secret: Injected[RotateSecret],
        actor: Injected[Actor],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Replace the secret, and show the new one, this once."""
        made, formats = await rotate_secret(webhook_id, actor=actor), pages.formats(request)
        return show_to_admin(
            request, pages, sessions, "webhooks/secret.html", formats, webhook=made.webhook, text=made.secret
        )

    @post("/{webhook_id:uuid}/delete", status_code=303)
    async def remove(
        self,
        request: Request[Any, Any, Any],
        webhook_id: FromPath[UUID],
        delete_webhook: Injected[DeleteWebhook],
        actor: Injected[Actor],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Delete the webhook."""
        await delete_webhook(webhook_id, actor=actor)
        return lead_admin(request, sessions, f"{WEBHOOKS}?done=deleted")
