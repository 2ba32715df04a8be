"""The page of the API keys, with the form for a new one as it was typed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, tzinfo
from typing import Any

from litestar import Request
from litestar.response.base import ASGIResponse

from application.access.actor import Scope
from application.access.api_keys import MOST_KEYS, KeyReader
from domain.errors import InvalidText
from domain.product import NAME_LENGTH
from entrypoints.web.admin.admin_page import show_to_admin
from entrypoints.web.pages import Pages
from entrypoints.web.sessions import Sessions

KEYS = "/admin/keys"
MEANINGS = {
    Scope.CATALOGUE_WRITE: "create, edit and delete products, and retry registrations",
    Scope.SYNCHRONISATION_READ: "see how registering and observing goes",
    Scope.WEBHOOKS_WRITE: "see, create, edit and delete webhooks",
    Scope.ALERTS_READ: "see alerts, their events and what they would have done",
    Scope.ALERTS_WRITE: "create, edit and delete alerts",
    Scope.AUDIT_READ: "read the audit log",
}


@dataclass(slots=True)
class KeyForm:
    """The form of a new key as it was typed, and its mistakes by field."""

    name: str = ""
    scopes: list[Scope] = field(default_factory=list)
    expires: str = ""
    mistakes: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def of(cls, request: Request[Any, Any, Any]) -> "KeyForm":
        """Read a form."""
        return cls.typed(await request.form())

    @classmethod
    def typed(cls, fields: Mapping[str, Any]) -> "KeyForm":
        """Read the fields of a form, in which every scope is a field of its own."""
        return cls(
            str(fields.get("name") or ""),
            [scope for scope in Scope if fields.get(scope.value)],
            str(fields.get("expires") or "").strip(),
        )

    def expires_at(self, zone: tzinfo) -> datetime | None:
        """Return when the day begins at which the key ends, None without one.

        Raises:
            InvalidText: it is no day.
        """
        if not self.expires:
            return None
        try:
            return datetime.combine(date.fromisoformat(self.expires), time(), zone)
        except ValueError as error:
            raise InvalidText("expires", "This must be a day, as 2027-11-26.") from error


async def show_keys(
    request: Request[Any, Any, Any],
    reader: KeyReader,
    pages: Pages,
    sessions: Sessions,
    form: KeyForm,
    *,
    restored: bool = False,
) -> ASGIResponse:
    """Show the keys and the form, with its mistakes; `restored` says that a login came in between."""
    return show_to_admin(
        request,
        pages,
        sessions,
        "keys.html",
        pages.formats(request),
        status=422 if form.mistakes else 200,
        keys=await reader.list(MOST_KEYS),
        form=form,
        mistakes=form.mistakes,
        restored=restored,
        meanings=MEANINGS,
        name_length=NAME_LENGTH,
        revoked=request.query_params.get("done") == "revoked",
    )


async def restore_keys(
    request: Request[Any, Any, Any],
    reader: KeyReader,
    pages: Pages,
    sessions: Sessions,
    path: str,
    fields: Mapping[str, Any],
) -> ASGIResponse | None:
    """Show the form as it was typed before a login; None if nothing was typed, or the path is another."""
    form = KeyForm.typed(fields)
    if path != KEYS or form == KeyForm():
        return None
    return await show_keys(request, reader, pages, sessions, form, restored=True)
