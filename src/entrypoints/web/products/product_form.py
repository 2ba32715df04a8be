"""The form of a product, as it was typed, for creating and editing; no page for admins loses what was typed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import Request
from litestar.response.base import ASGIResponse

from domain.product import DESCRIPTION_LENGTH, NAME_LENGTH
from entrypoints.web.admin.admin_page import show_to_admin
from entrypoints.web.pages import Pages
from entrypoints.web.sessions import Sessions

NEW = "/admin/products/new"
_EDIT = re.compile(r"/admin/products/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/edit")


@dataclass(slots=True)
class Form:
    """A product's form as it was typed, and its mistakes by field."""

    name: str = ""
    description: str = ""
    revision: str = ""
    mistakes: dict[str, str] | None = None

    @classmethod
    async def of(cls, request: Request[Any, Any, Any]) -> "Form":
        """Read a form; line breaks are sent as two characters (HTML, form submission)."""
        return cls.typed(await request.form())

    @classmethod
    def typed(cls, fields: Mapping[str, Any]) -> "Form":
        """Read the fields of a form."""
        name, description, revision = (str(fields.get(field) or "") for field in ("name", "description", "revision"))
        return cls(name, description.replace("\r\n", "\n"), revision)


def show_form(
    request: Request[Any, Any, Any],
    pages: Pages,
    sessions: Sessions,
    form: Form,
    product_id: UUID | None,
    *,
    restored: bool = False,
) -> ASGIResponse:
    """Show the form, with its mistakes; `restored` says that a login came in between."""
    return show_to_admin(
        request,
        pages,
        sessions,
        "product_form.html",
        pages.formats(request),
        status=422 if form.mistakes else 200,
        form=form,
        mistakes=form.mistakes or {},
        product_id=product_id,
        action=f"/admin/products/{product_id}/edit" if product_id else NEW,
        restored=restored,
        name_length=NAME_LENGTH,
        description_length=DESCRIPTION_LENGTH,
    )


def restore_form(
    request: Request[Any, Any, Any], pages: Pages, sessions: Sessions, path: str, fields: Mapping[str, Any]
) -> ASGIResponse | None:
    """Show the form of this path as it was typed before a login; None if nothing was typed, or the path has no form."""
    form, edited = Form.typed(fields), _EDIT.fullmatch(path)
    if not (form.name or form.description) or not (edited or path == NEW):
        return None
    return show_form(request, pages, sessions, form, UUID(edited[1]) if edited else None, restored=True)
