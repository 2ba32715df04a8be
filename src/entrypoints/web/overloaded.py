"""The answer to browsers when there is no room: a page that costs nothing to make."""

from litestar.types import Receive, Scope, Send

from entrypoints.http.problems.problem_types import OVERLOADED, RETRY_SECONDS
from entrypoints.http.problems.refusals import answer_overloaded
from entrypoints.web.pages import page_headers

_PAGE = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Not available right now</title>
<h1>Not available right now</h1><p>The service is busy. Wait a few seconds and load the page again.</p></html>
"""
_HEADERS = page_headers(None) | {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Length": str(len(_PAGE)),
    "Retry-After": RETRY_SECONDS,
}
_ENCODED = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]


async def answer_overloaded_to_all(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 503, as an ASGI application: browsers with a page, programs with a problem."""
    if not any(name == b"accept" and value.startswith(b"text/html") for name, value in scope["headers"]):
        await answer_overloaded(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": OVERLOADED.status, "headers": list(_ENCODED)})
    await send({"type": "http.response.body", "body": _PAGE, "more_body": False})
