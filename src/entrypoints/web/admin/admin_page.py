"""What all pages for admins share: each renews the session."""

from typing import Any

from litestar import Request
from litestar.response.base import ASGIResponse

from entrypoints.web.formats import Formats
from entrypoints.web.pages import Pages, see_other
from entrypoints.web.sessions import Sessions


def show_to_admin(
    request: Request[Any, Any, Any],
    pages: Pages,
    sessions: Sessions,
    template: str,
    formats: Formats,
    status: int = 200,
    **context: Any,
) -> ASGIResponse:
    """Show a page for admins."""
    cookie = sessions.cookie(request, request.scope["state"]["subject"])
    return pages.show(request, template, formats, status=status, headers={"Set-Cookie": cookie}, **context)


def lead_admin(request: Request[Any, Any, Any], sessions: Sessions, path: str) -> ASGIResponse:
    """Lead an admin to another page after a form."""
    return see_other(request, path, sessions.cookie(request, request.scope["state"]["subject"]))
