"""Errors as pages, for browsers; programs get problems."""

from collections.abc import Mapping
from typing import Any

from litestar import MediaType, Request, Response

from entrypoints.http.problems.mapping import answer_problem
from entrypoints.http.problems.problem_types import prefix_of
from entrypoints.http.request_validation import HungUp
from entrypoints.web.pages import NOT_KEPT, Pages, page_headers
from entrypoints.web.sessions import SESSION_ENDED, ForgedRequest, SessionRequired, login_context, login_path

_TITLES = {
    400: "This link cannot be read",
    401: "Log in to go on",
    404: "There is no such page",
    405: "This page cannot do that",
    413: "That is too long",
    422: "Something in this link is not right",
    429: "Too many tries",
    500: "That went wrong",
    503: "Not available right now",
}
_TEXTS = {
    400: "Go back and try again, or start from the catalogue.",
    404: "The product may have been removed, or the link is not complete. Search the catalogue for it.",
    500: "The error is in this service, not in what you did. It is in the log, under the number below.",
    503: "The service is busy or cannot reach its database. Wait a few seconds and load the page again.",
}


CLIENT_LEFT = 499
"""The status of requests whose client has left, as proxies log it. No standard has one."""


class ErrorPages:
    """Answers exceptions: with a page where a browser asks for one."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def __call__(self, request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        """Answer an exception."""
        if isinstance(error, HungUp):
            # The client has left, so the status is for the log and the count only.
            return Response(None, status_code=CLIENT_LEFT)
        if isinstance(error, SessionRequired) and error.typed:
            mistake = f"{SESSION_ENDED} What you typed is kept."
            return self._show(request, 401, "login.html", login_context(error.path, mistake, error.typed))
        if isinstance(error, SessionRequired):
            ended = "session" in request.cookies or request.method == "POST"
            path = prefix_of(request.scope["state"]) + login_path(error.path, ended=ended)
            location = {"Location": path, "Cache-Control": NOT_KEPT}
            return Response(None, status_code=303, headers=location)
        if isinstance(error, ForgedRequest):
            text = "The form did not come from a page of this site, or it is too old. Load the page and send it again."
            return self._show_error(request, 403, "This form was not accepted", text)
        problem = answer_problem(request, error)
        if not wants_page(request):
            return problem
        status = problem.status_code or 500
        text = _TEXTS.get(status, problem.content.detail)
        kept = {name: value for name, value in problem.headers.items() if name in ("Retry-After", "Allow")}
        return self._show_error(request, status, _TITLES.get(status, problem.content.title), text, kept)

    def _show_error(
        self,
        request: Request[Any, Any, Any],
        status: int,
        title: str,
        text: str,
        headers: dict[str, str] | None = None,
    ) -> Response[str]:
        number = request.scope["state"].get("request_id", "")
        context = {"title": title, "text": text, "request_id": number, "troubled": status >= 500}
        return self._show(request, status, "error.html", context, headers)

    def _show(
        self,
        request: Request[Any, Any, Any],
        status: int,
        template: str,
        context: Mapping[str, Any],
        headers: dict[str, str] | None = None,
    ) -> Response[str]:
        html = self._pages.render(request, template, self._pages.formats(request), **context)
        return Response(
            html, status_code=status, media_type=MediaType.HTML, headers=page_headers(None) | (headers or {})
        )


def wants_page(request: Request[Any, Any, Any]) -> bool:
    """Return whether the client asks for HTML before JSON, as browsers do (RFC 9110, 12.5.1)."""
    return request.accept.best_match(["application/json", "text/html"]) == "text/html"
