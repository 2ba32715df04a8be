"""The events that a caller may see: those of products for all, of alerts for keys with the scope, all for admins."""

import asyncio
from typing import Any

from litestar import Request

from application.access.actor import Scope
from application.events.visible_events import visible_events
from application.storage import StorageUnavailable
from domain.event import ALERT_EVENTS, PUBLIC_EVENTS, EventType
from entrypoints.http.auth.access_tokens import InvalidToken, Unauthenticated
from entrypoints.http.auth.callers import Callers, InsufficientScope, is_key


class CallersEventAccess:
    """The port of the controller, by the caller's token or key."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._checking = asyncio.Lock()

    async def types(self, request: Request[Any, Any, Any], wanted: list[str] | None) -> frozenset[EventType]:
        """See the port."""
        visible = await self._visible(request)
        types = frozenset(map(EventType, wanted or ()))
        if types <= visible:
            return types or visible
        if "Authorization" not in request.headers:
            raise Unauthenticated
        raise InsufficientScope(Scope.ALERTS_READ if types - visible <= ALERT_EVENTS else None)

    async def may_go_on(self, request: Request[Any, Any, Any]) -> bool:
        """See the port."""
        authorization = request.headers.get("Authorization", "")
        if not is_key(authorization):
            return True
        # One after the other: what the first has found out is remembered for the others.
        async with self._checking:
            try:
                await self._callers.identify(authorization)
            except (InvalidToken, StorageUnavailable):
                return False
        return True

    async def _visible(self, request: Request[Any, Any, Any]) -> frozenset[EventType]:
        authorization = request.headers.get("Authorization", "")
        if not authorization:
            return PUBLIC_EVENTS
        actor, _ = await self._callers.identify(authorization)
        request.scope["state"]["subject"] = actor.id
        return visible_events(actor)
