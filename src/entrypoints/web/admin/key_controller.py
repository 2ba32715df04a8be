"""Pages for API keys: the list, a form for a new one whose text is shown once, and the question before a revocation."""

from typing import Any
from uuid import UUID

from litestar import Controller, Request, get, post
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from application.access.actor import Actor
from application.access.api_keys import MOST_KEYS, KeyReader
from application.access.key_management import CreateKey, RevokeKey
from domain.errors import InvalidText, KeyNotFound, TooManyKeys
from entrypoints.http.route_declarations import Declaration, Injected, declared
from entrypoints.web.admin.admin_page import lead_admin, show_to_admin
from entrypoints.web.admin.key_form import KeyForm, show_keys
from entrypoints.web.pages import Pages
from entrypoints.web.sessions import Sessions


class KeyController(Controller):
    """Pages for API keys."""

    path = "/keys"
    include_in_schema = False
    opt = declared(Declaration(session=True, ignores_query=True))

    @get("/")
    async def keys(
        self,
        request: Request[Any, Any, Any],
        key_reader: Injected[KeyReader],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Show the keys, and the form for a new one."""
        return await show_keys(request, key_reader, pages, sessions, KeyForm())

    @post("/", status_code=200)
    async def create(
        self,
        request: Request[Any, Any, Any],
        create_key: Injected[CreateKey],
        actor: Injected[Actor],
        key_reader: Injected[KeyReader],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Create a key and show its text, this once, or the form with its mistakes."""
        form, formats = await KeyForm.of(request), pages.formats(request)
        try:
            expires_at = form.expires_at(formats.viewer.zone)
            created = await create_key(name=form.name, scopes=form.scopes, expires_at=expires_at, actor=actor)
        except InvalidText as error:
            form.mistakes[error.field.removesuffix("_at")] = str(error)
            return await show_keys(request, key_reader, pages, sessions, form)
        except TooManyKeys as error:
            form.mistakes[""] = str(error)
            return await show_keys(request, key_reader, pages, sessions, form)
        return show_to_admin(request, pages, sessions, "key_created.html", formats, key=created.key, text=created.text)

    @get("/{key_id:uuid}/revoke")
    async def confirm(
        self,
        request: Request[Any, Any, Any],
        key_id: FromPath[UUID],
        key_reader: Injected[KeyReader],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Ask once before a key is revoked."""
        for key in await key_reader.list(MOST_KEYS):
            if key.id == key_id:
                return show_to_admin(request, pages, sessions, "key_revoke.html", pages.formats(request), key=key)
        raise KeyNotFound(key_id)

    @post("/{key_id:uuid}/revoke", status_code=303)
    async def revoke(
        self,
        request: Request[Any, Any, Any],
        key_id: FromPath[UUID],
        revoke_key: Injected[RevokeKey],
        actor: Injected[Actor],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Revoke the key."""
        await revoke_key(key_id, actor=actor)
        return lead_admin(request, sessions, "/admin/keys?done=revoked")
