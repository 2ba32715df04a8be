"""The form of a webhook, as it was typed, for creating and editing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

from litestar import Request
from litestar.response.base import ASGIResponse

from application.webhooks.targets import LONGEST_URL
from application.webhooks.webhook import MOST_CHOSEN, Webhook
from domain.errors import InvalidText
from domain.event import PUBLIC_EVENTS, EventType
from domain.product import DESCRIPTION_LENGTH
from entrypoints.web.admin.admin_page import show_to_admin
from entrypoints.web.pages import Pages
from entrypoints.web.sessions import Sessions

WEBHOOKS = "/admin/webhooks"
NEW = f"{WEBHOOKS}/new"
MEANINGS = {
    EventType.PRODUCT_CREATED: "a product was added",
    EventType.PRODUCT_AMENDED: "its name or description changed",
    EventType.PRODUCT_WITHDRAWN: "it was deleted",
    EventType.PRODUCT_REGISTERED: "the Offers service took it",
    EventType.PRODUCT_REJECTED: "the Offers service refused it",
    EventType.PRODUCT_CONFLICT: "the Offers service has another product under its id",
    EventType.PRICE_CHANGED: "its best price, or whether it is in stock, changed",
    EventType.ALERT_FIRING: "an alert began to fire",
    EventType.ALERT_RESOLVED: "an alert has ended",
    EventType.WEBHOOK_DISABLED: "the service gave a webhook up",
}
_EDIT = re.compile(rf"{WEBHOOKS}/([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})/edit")
_SEPARATORS = re.compile(r"[\s,;]+")
_SHOWN = 40
"""A mistake repeats so many characters of a wrong id."""


@dataclass(slots=True)
class WebhookForm:
    """A webhook's form as it was typed, and its mistakes by field; product ids are separated by white space."""

    url: str = ""
    description: str = ""
    types: list[EventType] = field(default_factory=list)
    product_ids: str = ""
    mistakes: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def of(cls, request: Request[Any, Any, Any]) -> Self:
        """Read a form."""
        return cls.typed(await request.form())

    @classmethod
    def typed(cls, fields: Mapping[str, Any]) -> Self:
        """Read the fields of a form, in which every type is a field of its own."""
        url, description, product_ids = (str(fields.get(name) or "") for name in ("url", "description", "product_ids"))
        return cls(
            url.strip(),
            description.replace("\r\n", "\n"),
            [each for each in EventType if fields.get(each.value)],
            product_ids.replace("\r\n", "\n").strip(),
        )

    @classmethod
    def stored(cls, webhook: Webhook) -> Self:
        """Return the form of a webhook as it is."""
        ids = "\n".join(sorted(map(str, webhook.product_ids or ())))
        return cls(webhook.url, webhook.description, sorted(webhook.types or ()), ids)

    def chosen_products(self) -> list[UUID]:
        """Return the ids of the products that it names, none for all.

        Raises:
            InvalidText: one is no id.
        """
        chosen = []
        for text in filter(None, _SEPARATORS.split(self.product_ids)):
            try:
                chosen.append(UUID(text))
            except ValueError as error:
                raise InvalidText("product_ids", f"“{text[:_SHOWN]}” is not the id of a product.") from error
        return chosen


def show_webhook_form(
    request: Request[Any, Any, Any],
    pages: Pages,
    sessions: Sessions,
    form: WebhookForm,
    webhook_id: UUID | None,
    *,
    restored: bool = False,
) -> ASGIResponse:
    """Show the form, with its mistakes; `restored` says that a login came in between."""
    return show_to_admin(
        request,
        pages,
        sessions,
        "webhooks/form.html",
        pages.formats(request),
        status=422 if form.mistakes else 200,
        form=form,
        mistakes=form.mistakes,
        webhook_id=webhook_id,
        action=f"{WEBHOOKS}/{webhook_id}/edit" if webhook_id else NEW,
        restored=restored,
        meanings=MEANINGS,
        public=PUBLIC_EVENTS,
        most_chosen=MOST_CHOSEN,
        url_length=LONGEST_URL,
        description_length=DESCRIPTION_LENGTH,
    )


def restore_webhook(
    request: Request[Any, Any, Any], pages: Pages, sessions: Sessions, path: str, fields: Mapping[str, Any]
) -> ASGIResponse | None:
    """Show the form of this path as it was typed before a login; None if nothing was typed, or the path has no form."""
    form, edited = WebhookForm.typed(fields), _EDIT.fullmatch(path)
    if form == WebhookForm() or not (edited or path == NEW):
        return None
    return show_webhook_form(request, pages, sessions, form, UUID(edited[1]) if edited else None, restored=True)
