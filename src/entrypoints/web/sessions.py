"""The admin's session on the page: an access token in a cookie, and a token in each form against forged requests."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from entrypoints.configuration.allowed_hosts import LOOPBACK
from entrypoints.http.auth.access_tokens import AccessTokens, Unauthenticated

SESSION = "session"
CSRF_FIELD = "csrf"
_PRODUCT_FIELDS = ("name", "description", "revision")
_KEY_FIELDS = ("name", "expires")
_WEBHOOK_FIELDS = ("url", "description", "product_ids")
_ALERT_FIELDS = ("name", "scope", "product", "kind", "price", "resolve", "percent", "days", "per_week", "revision")
_LENGTHS = ("period", "period_unit", "hold", "hold_unit", "cooldown", "cooldown_unit")
TYPED_FIELDS = frozenset((*_PRODUCT_FIELDS, *_KEY_FIELDS, *_WEBHOOK_FIELDS, *_ALERT_FIELDS, *_LENGTHS))
"""The fields that a login keeps, beside the checkboxes of scopes and of types of events. None of them is secret."""
ENDED_SESSIONS_KNOWN = timedelta(days=1)
SESSION_ENDED = "Your session has ended. Log in to go on where you were."


class SessionRequired(Exception):
    """The page is for admins, and there is no session, or it has ended.

    `path` is the requested page, and `typed` holds the fields of the form that was sent to it.
    """

    def __init__(self, path: str, typed: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.path = path
        self.typed = typed or {}


class ForgedRequest(Exception):
    """A form came without the token of the page that it belongs to."""


class Sessions:
    """Makes and checks sessions. They end with the life of their token, and every admin page gives a new one."""

    def __init__(self, tokens: AccessTokens, secret: str) -> None:
        self._tokens = tokens
        self._key = hashlib.sha256(b"forms\0" + secret.encode()).digest()

    def cookie(self, request: Request[Any, Any, Any], subject: str) -> str:
        """Return the Set-Cookie of a session from now on."""
        # The cookie outlives its token, so that a session that has ended differs from none.
        seconds = int((self._tokens.lifetime + ENDED_SESSIONS_KNOWN).total_seconds())
        return _cookie(request, self._tokens.issue(subject), seconds)

    def no_cookie(self, request: Request[Any, Any, Any]) -> str:
        """Return the Set-Cookie that ends the session in the browser."""
        return _cookie(request, "", 0)

    def subject(self, connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
        """Return the admin of the session, None without a valid one."""
        try:
            return self._tokens.check(connection.cookies.get(SESSION, ""))
        except Unauthenticated:
            return None

    def form_token(self, subject: str) -> str:
        """Return the token for the forms of this admin, which no other site has."""
        return hmac.new(self._key, subject.encode(), hashlib.sha256).hexdigest()

    async def guard(self, connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        """Let admins through, with forms of our own pages only.

        Raises:
            SessionRequired, ForgedRequest
        """
        subject = self.subject(connection)
        if subject is None:
            path = connection.scope["path"]
            raise SessionRequired(_page_of(path), await _typed(connection))
        connection.scope["state"]["subject"] = subject
        if isinstance(connection, Request) and connection.method == "POST":
            given = (await connection.form()).get(CSRF_FIELD)
            if not isinstance(given, str) or not hmac.compare_digest(given.encode(), self.form_token(subject).encode()):
                raise ForgedRequest


def _page_of(path: str) -> str:
    """Return the page whose form posts to this path: the path itself, or for an action the page with its button."""
    page, _, action = path.rpartition("/")
    if action == "register":
        return "/admin"
    return page if action in ("ping", "enable", "disable", "replay") else path


async def _typed(connection: ASGIConnection[Any, Any, Any, Any]) -> Mapping[str, str]:
    """Return the fields of a form of our own pages; another site must not fill in a form of ours."""
    if not isinstance(connection, Request) or connection.method != "POST":
        return {}
    try:
        require_same_site(connection)
    except ForgedRequest:
        return {}
    form = await connection.form()
    return _kept(form)


def require_same_site(request: Request[Any, Any, Any]) -> None:
    """Refuse a form that a page of another site sent (Fetch Metadata, and Origin in older browsers).

    Raises:
        ForgedRequest
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in ("same-origin", "none"):
        raise ForgedRequest
    origin = request.headers.get("Origin")
    if site is None and origin is not None and origin.partition("://")[2] != request.headers.get("Host"):
        raise ForgedRequest


def login_path(path: str, *, ended: bool = False) -> str:
    """Return the path of the login page that leads on to `path`."""
    return f"/admin/login?next={quote(path, safe='/')}" + ("&ended=1" if ended else "")


def login_context(onward: str, mistake: str, typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of the login page; it carries fields of another form on to the page that it leads to."""
    username = str(typed.get("username") or "")
    return {"mistake": mistake, "username": username, "onward": onward, "kept": _kept(typed)}


def _kept(fields: Mapping[str, Any]) -> dict[str, str]:
    # A checkbox has the name of its scope, as `audit:read`, or of its type, as `price.changed`.
    return {
        field: value
        for field, value in fields.items()
        if (field in TYPED_FIELDS or ":" in field or "." in field) and isinstance(value, str) and value
    }


def _cookie(request: Request[Any, Any, Any], value: str, seconds: int) -> str:
    # Browsers do not send a secure cookie back over plain HTTP, which development uses on the loopback.
    secure = "" if request.url.hostname in LOOPBACK else "; Secure"
    return f"{SESSION}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
