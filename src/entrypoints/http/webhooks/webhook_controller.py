"""Webhooks over HTTP: made, listed, changed, rotated and deleted."""

from typing import Any

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.params import JSONBody
from msgspec import UNSET

from application.access.actor import Actor, Scope
from application.webhooks.management import AmendWebhook, CreateWebhook, DeleteWebhook, RotateSecret, WebhookChange
from application.webhooks.ports import WebhookReader
from entrypoints.http.conditional_reads import NO_STORE
from entrypoints.http.problems.problem_types import (
    BODY_PROBLEMS,
    NOT_FOUND,
    PROTECTED,
    UNAVAILABLE,
    VALIDATION,
    prefix_of,
    problems,
)
from entrypoints.http.route_declarations import Declaration, Injected, declared, location_header
from entrypoints.http.webhooks import examples
from entrypoints.http.webhooks.parameters import SCOPED, WebhookId
from entrypoints.http.webhooks.requests import AmendWebhookRequest, CreateWebhookRequest
from entrypoints.http.webhooks.responses import NewWebhookResponse, SecretResponse, WebhookResponse, WebhooksResponse

_LOCATION = location_header("webhook", "/webhooks/8c1f6f0e-52f5-4b43-8a3b-0f7a3ad6c7f2")


class WebhookController(Controller):
    """Receivers of events."""

    path = "/webhooks"
    tags = ("webhooks",)

    @post(
        operation_id="createWebhook",
        summary="Create a webhook",
        opt=declared(Declaration(scope=Scope.WEBHOOKS_WRITE, answer_headers=(_LOCATION,))),
        response_headers=NO_STORE,
        responses={201: examples.created(NewWebhookResponse)} | problems(*PROTECTED, *UNAVAILABLE, *BODY_PROBLEMS),
    )
    async def create(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[CreateWebhookRequest],
        create_webhook: Injected[CreateWebhook],
        actor: Injected[Actor],
    ) -> Response[NewWebhookResponse]:
        """Create a webhook: events from now on are sent to its URL, signed with the secret in this answer."""
        made = await create_webhook(
            url=data.url,
            description=data.description,
            types=data.types or (),
            product_ids=data.product_ids or (),
            actor=actor,
        )
        location = f"{prefix_of(request.scope['state'])}/webhooks/{made.webhook.id}"
        return Response(NewWebhookResponse.made(made), headers={"Location": location})

    @get(
        operation_id="listWebhooks",
        summary="List the webhooks",
        opt=SCOPED,
        response_headers=NO_STORE,
        responses={200: examples.listed(WebhooksResponse)} | problems(*PROTECTED, VALIDATION, *UNAVAILABLE),
    )
    async def webhooks(self, webhook_reader: Injected[WebhookReader]) -> WebhooksResponse:
        """List all webhooks, the oldest first."""
        return WebhooksResponse([WebhookResponse.of(each) for each in await webhook_reader.list()])

    @get(
        "/{webhook_id:uuid}",
        operation_id="getWebhook",
        summary="See a webhook",
        opt=SCOPED,
        response_headers=NO_STORE,
        responses={200: examples.shown(WebhookResponse)} | problems(*PROTECTED, NOT_FOUND, VALIDATION, *UNAVAILABLE),
    )
    async def webhook(self, webhook_id: WebhookId, webhook_reader: Injected[WebhookReader]) -> WebhookResponse:
        """See whether a webhook is enabled, how far it has got, and how its attempts go."""
        return WebhookResponse.of(await webhook_reader.get(webhook_id))

    @patch(
        "/{webhook_id:uuid}",
        operation_id="amendWebhook",
        summary="Change a webhook",
        opt=SCOPED,
        response_headers=NO_STORE,
        responses={200: examples.shown(WebhookResponse)}
        | problems(*PROTECTED, NOT_FOUND, *UNAVAILABLE, *BODY_PROBLEMS),
    )
    async def amend(
        self,
        webhook_id: WebhookId,
        data: JSONBody[AmendWebhookRequest],
        amend_webhook: Injected[AmendWebhook],
        webhook_reader: Injected[WebhookReader],
        actor: Injected[Actor],
    ) -> WebhookResponse:
        """Change a webhook, disable it, or enable it again: it then goes on where it ended."""
        change = WebhookChange(
            url=None if data.url is UNSET else data.url,
            description=None if data.description is UNSET else data.description,
            types=None if data.types is UNSET else data.types or (),
            product_ids=None if data.product_ids is UNSET else data.product_ids or (),
            enabled=None if data.enabled is UNSET else data.enabled,
        )
        await amend_webhook(webhook_id, change, actor=actor)
        return WebhookResponse.of(await webhook_reader.get(webhook_id))

    @delete(
        "/{webhook_id:uuid}",
        operation_id="deleteWebhook",
        summary="Delete a webhook",
        opt=SCOPED,
        response_headers=NO_STORE,
        response_description="The webhook is gone",
        responses=problems(*PROTECTED, NOT_FOUND, VALIDATION, *UNAVAILABLE),
    )
    async def remove(
        self, webhook_id: WebhookId, delete_webhook: Injected[DeleteWebhook], actor: Injected[Actor]
    ) -> None:
        """Delete a webhook, and what waits for it. A call that is under way may still arrive."""
        await delete_webhook(webhook_id, actor=actor)

    @post(
        "/{webhook_id:uuid}/rotate",
        status_code=200,
        operation_id="rotateWebhookSecret",
        summary="Replace a webhook's secret",
        opt=SCOPED,
        response_headers=NO_STORE,
        responses={200: examples.rotated(SecretResponse)} | problems(*PROTECTED, NOT_FOUND, VALIDATION, *UNAVAILABLE),
    )
    async def rotate(
        self, webhook_id: WebhookId, rotate_secret: Injected[RotateSecret], actor: Injected[Actor]
    ) -> SecretResponse:
        """Replace the secret. For 24 hours deliveries carry the signatures of both, the new one's first."""
        made = await rotate_secret(webhook_id, actor=actor)
        return SecretResponse(made.secret, made.webhook.previous_until)
