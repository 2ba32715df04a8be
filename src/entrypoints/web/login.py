"""Login and logout on the page."""

from collections.abc import Mapping
from typing import Any

from litestar import Request, get, post
from litestar.response.base import ASGIResponse

from application.bounded_queue import QueueFull
from entrypoints.http.auth.client_address import client_address
from entrypoints.http.auth.credentials import Credentials, InvalidCredentials, RateLimited
from entrypoints.http.route_declarations import PUBLIC, Injected
from entrypoints.web.pages import Pages, local_path, see_other
from entrypoints.web.sessions import SESSION_ENDED, Sessions, require_same_site

LONGEST_NAME, LONGEST_PASSWORD = 255, 1_024
TYPED = "typed."
"""Before the names of fields that were typed into another form, which the login keeps."""


@get("/admin/login", include_in_schema=False, opt=PUBLIC)
async def show_login(request: Request[Any, Any, Any], pages: Injected[Pages]) -> ASGIResponse:
    """Show the form."""
    ended = request.query_params.get("ended") == "1"
    return _show(request, pages, SESSION_ENDED if ended else "", {})


@post("/admin/login", include_in_schema=False, opt=PUBLIC, status_code=303)
async def log_in(
    request: Request[Any, Any, Any],
    credentials: Injected[Credentials],
    pages: Injected[Pages],
    sessions: Injected[Sessions],
) -> ASGIResponse:
    """Begin a session and lead on, or show the form again."""
    require_same_site(request)
    form = await request.form()
    username, password = (str(form.get(field) or "") for field in ("username", "password"))
    typed = {name.removeprefix(TYPED): str(form[name]) for name in form if name.startswith(TYPED)}
    try:
        # A longer one is wrong anyway, and is not worth a slow check.
        account = await credentials.check(username[:LONGEST_NAME], password[:LONGEST_PASSWORD], client_address(request))
    except InvalidCredentials:
        return _show(request, pages, "Name or password is wrong.", typed, username, status=401)
    except RateLimited as error:
        mistake = f"Too many logins have failed. Try again in {error.seconds} s."
        return _show(request, pages, mistake, typed, username, status=429)
    except QueueFull:
        mistake = "Too many people log in right now. Try again in a moment."
        return _show(request, pages, mistake, typed, username, status=503)
    onward, cookie = local_path(form.get("next"), "/admin"), sessions.cookie(request, account)
    if not typed:
        return see_other(request, onward, cookie)
    return pages.show(
        request,
        "send_again.html",
        pages.formats(request),
        headers={"Set-Cookie": cookie},
        onward=onward,
        typed=typed,
        subject=account,
        csrf=sessions.form_token(account),
    )


@post("/admin/logout", include_in_schema=False, opt=PUBLIC, status_code=303)
async def log_out(request: Request[Any, Any, Any], sessions: Injected[Sessions]) -> ASGIResponse:
    """End the session in this browser."""
    require_same_site(request)
    return see_other(request, "/", sessions.no_cookie(request))


def _show(
    request: Request[Any, Any, Any],
    pages: Pages,
    mistake: str,
    typed: Mapping[str, str],
    username: str = "",
    status: int = 200,
) -> ASGIResponse:
    onward = local_path(request.query_params.get("next"), "/admin")
    return pages.show(
        request,
        "login.html",
        pages.formats(request),
        status=status,
        mistake=mistake,
        username=username,
        onward=onward,
        typed=typed,
    )
