"""Which events a caller may see: those about catalogue and prices all, the others admins and keys with their scopes."""

from typing import Any

from litestar import Request

from application.access.actor import Scope
from application.events.visible_events import visible_events
from domain.event import ALERT_EVENTS, PUBLIC_EVENTS, EventType
from entrypoints.http.auth.access_tokens import Unauthenticated
from entrypoints.http.auth.callers import Callers, InsufficientScope


class EventAccess:
    """Tells the types of events that a request may read."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    async def types(self, request: Request[Any, Any, Any], wanted: list[str] | None) -> frozenset[EventType]:
        """Return the wanted types, or all that the caller may see.

        Raises:
            Unauthenticated, InvalidToken, StorageUnavailable
            InsufficientScope: the caller wants others.
        """
        visible = await self._visible(request)
        types = frozenset(map(EventType, wanted or ()))
        if types <= visible:
            return types or visible
        if "Authorization" not in request.headers:
            raise Unauthenticated
        raise InsufficientScope(Scope.ALERTS_READ if types - visible <= ALERT_EVENTS else None)

    async def _visible(self, request: Request[Any, Any, Any]) -> frozenset[EventType]:
        authorization = request.headers.get("Authorization", "")
        if not authorization:
            return PUBLIC_EVENTS
        actor, _ = await self._callers.identify(authorization)
        request.scope["state"]["subject"] = actor.id
        return visible_events(actor)
