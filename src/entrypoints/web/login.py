"""Login and logout on the page."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from litestar import Request, get, post
from litestar.response.base import ASGIResponse

from application.access.api_keys import KeyReader
from application.access.key_management import RecordLogin
from application.alerts.reading import AlertReader
from application.bounded_queue import QueueFull
from entrypoints.http.auth.callers import admin, sent_by
from entrypoints.http.auth.client_address import client_address
from entrypoints.http.auth.credentials import Credentials, InvalidCredentials, RateLimited
from entrypoints.http.products.catalogue import Catalogue
from entrypoints.http.route_declarations import PUBLIC, Injected
from entrypoints.web.admin.key_form import restore_keys
from entrypoints.web.alerts.form_page import restore_alert
from entrypoints.web.pages import Pages, local_path, see_other
from entrypoints.web.products.product_form import restore_form
from entrypoints.web.sessions import SESSION_ENDED, Sessions, login_context, require_same_site
from entrypoints.web.webhooks.webhook_form import restore_webhook

LONGEST_NAME, LONGEST_PASSWORD = 255, 1_024


@get("/admin/login", include_in_schema=False, opt=PUBLIC)
async def show_login(request: Request[Any, Any, Any], pages: Injected[Pages]) -> ASGIResponse:
    """Show the form."""
    ended = request.query_params.get("ended") == "1"
    return _show(request, pages, SESSION_ENDED if ended else "")


@post("/admin/login", include_in_schema=False, opt=PUBLIC, status_code=303)
async def log_in(
    request: Request[Any, Any, Any],
    credentials: Injected[Credentials],
    record_login: Injected[RecordLogin],
    key_reader: Injected[KeyReader],
    alert_reader: Injected[AlertReader],
    catalogue: Injected[Catalogue],
    pages: Injected[Pages],
    sessions: Injected[Sessions],
) -> ASGIResponse:
    """Begin a session and lead on, or show the form again."""
    require_same_site(request)
    form = await request.form()
    username, password = (str(form.get(field) or "") for field in ("username", "password"))
    try:
        # A longer one is wrong anyway, and is not worth a slow check.
        account = await credentials.check(username[:LONGEST_NAME], password[:LONGEST_PASSWORD], client_address(request))
    except InvalidCredentials:
        return _show(request, pages, "Name or password is wrong.", form, status=401)
    except RateLimited as error:
        mistake = f"Too many logins have failed. Try again in {error.seconds} s."
        return _show(request, pages, mistake, form, status=429)
    except QueueFull:
        return _show(request, pages, "Too many people log in right now. Try again in a moment.", form, status=503)
    await record_login(sent_by(admin(account), request))
    onward = local_path(form.get("next"), "/admin")
    request.scope["state"]["subject"] = account
    restored = restore_form(request, pages, sessions, onward, form)
    restored = restored or restore_webhook(request, pages, sessions, onward, form)
    restored = restored or await restore_keys(request, key_reader, pages, sessions, onward, form)
    restored = restored or await restore_alert(request, catalogue.reader, alert_reader, pages, sessions, onward, form)
    return restored or see_other(request, onward, sessions.cookie(request, account))


@post("/admin/logout", include_in_schema=False, opt=PUBLIC, status_code=303)
async def log_out(request: Request[Any, Any, Any], sessions: Injected[Sessions]) -> ASGIResponse:
    """End the session in this browser."""
    require_same_site(request)
    return see_other(request, "/", sessions.no_cookie(request))


def _show(
    request: Request[Any, Any, Any],
    pages: Pages,
    mistake: str,
    typed: Mapping[str, Any] = MappingProxyType({}),
    status: int = 200,
) -> ASGIResponse:
    onward = local_path(typed.get("next") or request.query_params.get("next"), "/admin")
    context = login_context(onward, mistake, typed)
    return pages.show(request, "login.html", pages.formats(request), status=status, **context)
