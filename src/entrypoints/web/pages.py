"""Pages from templates, with the headers that every page has."""

import gzip
import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request
from litestar.response.base import ASGIResponse

from application.clock import Clock
from entrypoints.http.conditional_reads import IF_NONE_MATCH, matches
from entrypoints.http.problems.problem_types import prefix_of
from entrypoints.web.assets import Assets, accepts_gzip
from entrypoints.web.formats import Formats
from entrypoints.web.sessions import Sessions
from entrypoints.web.viewer import FindZone, read_viewer

COMPRESSED_FROM = 1_024
"""Bytes; below that compression gains nothing."""
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# A page depends on cookies and languages, so caches ask each time; the entity tag makes that cheap.
REVALIDATED, NOT_KEPT = "no-cache", "no-store"


LONGEST_PATH = 2_000


class Pages:
    """Renders templates for a viewer."""

    def __init__(self, assets: Assets, sessions: Sessions, clock: Clock, find_zone: FindZone) -> None:
        self._sessions = sessions
        self._clock = clock
        self._find_zone = find_zone
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).with_name("templates")),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["asset"] = assets.url

    def now(self) -> datetime:
        """Return the time at which pages are made."""
        return self._clock()

    def formats(self, request: Request[Any, Any, Any]) -> Formats:
        """Return the viewer's formats."""
        return Formats(read_viewer(request, self._find_zone), self._clock())

    def zone_of_link(self, request: Request[Any, Any, Any]) -> str:
        """Return the known time zone that the link names, so that further links can name it, too; else nothing."""
        name = request.query_params.get("tz", "")
        return name if self._find_zone(name) else ""

    def show(
        self,
        request: Request[Any, Any, Any],
        template: str,
        formats: Formats,
        *,
        status: int = 200,
        tag: str | None = None,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> ASGIResponse:
        """Answer with a page; one with an entity tag may be kept by the browser, others may not."""
        html = self.render(request, template, formats, **context)
        body = html.encode()
        described = page_headers(tag) | {"Content-Type": "text/html; charset=utf-8"} | dict(headers or {})
        if len(body) >= COMPRESSED_FROM and accepts_gzip(request):
            body, described["Content-Encoding"] = gzip.compress(body, 5, mtime=0), "gzip"
        return ASGIResponse(body=body, status_code=status, headers=described)

    def render(self, request: Request[Any, Any, Any], template: str, formats: Formats, **context: Any) -> str:
        """Write a page."""
        # A session that has just begun is not in the request's cookie.
        subject = request.scope["state"].get("subject") or self._sessions.subject(request)
        return self._templates.get_template(template).render(
            f=formats,
            viewer=formats.viewer,
            here=_path_and_query(request),
            prefix=prefix_of(request.scope["state"]),
            subject=subject,
            csrf=self._sessions.form_token(subject) if subject else "",
            **context,
        )

    def unchanged(self, request: Request[Any, Any, Any], formats: Formats, *data: object) -> tuple[str, bool]:
        """Return the entity tag of a page that shows this data, and whether the browser has that page.

        The tag is weak: ages such as "20 s ago" are as old as the minute in which the page was made.
        """
        parts = (
            *data,
            self._sessions.subject(request),
            _path_and_query(request),
            str(formats.viewer),
            str(formats.minute),
        )
        tag = f'"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"'
        return f"W/{tag}", matches(request.headers.getall(IF_NONE_MATCH, []), tag)


def not_modified(tag: str) -> ASGIResponse:
    """Answer that the browser has the page already."""
    return ASGIResponse(status_code=304, headers=page_headers(tag))


def see_other(request: Request[Any, Any, Any], path: str, cookie: str | None = None) -> ASGIResponse:
    """Lead the browser to another page after a form."""
    headers = {"Location": prefix_of(request.scope["state"]) + path, "Cache-Control": NOT_KEPT}
    return ASGIResponse(status_code=303, headers=headers | ({"Set-Cookie": cookie} if cookie else {}))


def page_headers(tag: str | None) -> dict[str, str]:
    """Return the headers of a page with this entity tag."""
    headers = {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Referrer-Policy": "same-origin",
        "Cache-Control": REVALIDATED if tag else NOT_KEPT,
        "Vary": "Accept, Accept-Encoding, Accept-Language, Cookie",
    }
    return headers | ({"ETag": tag} if tag else {})


def local_path(path: object, otherwise: str) -> str:
    """Return a path of this site; one of another site would lead people away."""
    if (
        not isinstance(path, str)
        or not path.startswith("/")
        or path.startswith(("//", "/\\"))
        or len(path) > LONGEST_PATH
    ):
        return otherwise
    return path if path.isprintable() and path.isascii() else otherwise


def _path_and_query(request: Request[Any, Any, Any]) -> str:
    query = request.scope["query_string"].decode("latin-1")
    return request.scope["path"] + (f"?{query}" if query else "")
