"""A request that takes too long is given up, so that nothing waits for ever and no place is held for nobody."""

import asyncio

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from entrypoints.http.problems.mapping import Overloaded

REQUEST_SECONDS = 10.0


class TimeLimit(ASGIMiddleware):
    """Ends a request that has no answer in time; an answer that was begun may be read as slowly as its reader is."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Serve the request.

        Raises:
            Overloaded: it took too long, or longer than a server that stops waits. Nothing is known to be wrong with
                it, so it may be tried again.
        """
        limit = asyncio.timeout(self._seconds)

        async def send_from_now_on(message: Message) -> None:
            limit.reschedule(None)
            await send(message)

        try:
            async with limit:
                await next_app(scope, receive, send_from_now_on)
        except TimeoutError as error:
            raise Overloaded from error
        except asyncio.CancelledError as error:
            # Nobody but uvicorn does that, when it stops; it would answer for itself, in plain text.
            if limit.when() is None:  # the answer was begun
                raise
            raise Overloaded from error
