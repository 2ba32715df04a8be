"""Problems answered without the framework, for far less than it would take."""

import msgspec
from litestar.types import ASGIApp, Receive, Scope, Send

from entrypoints.http.problems.problem_types import MALFORMED, MEDIA_TYPE, OVERLOADED, RETRY_SECONDS, ProblemType

Headers = list[tuple[bytes, bytes]]


def refusing(kind: ProblemType, headers: Headers) -> ASGIApp:
    """Make an ASGI application that answers every request with this problem and these headers."""
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"cache-control", b"no-store"), *headers]

    async def refuse(scope: Scope, _receive: Receive, send: Send) -> None:
        body = msgspec.json.encode(kind.problem(scope["state"]))
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": kind.status, "headers": [*headers, length]})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return refuse


answer_overloaded = refusing(OVERLOADED, [(b"retry-after", RETRY_SECONDS.encode())])
answer_malformed = refusing(MALFORMED, [])
