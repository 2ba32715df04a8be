"""Which events a caller may see, however they reach him."""

from application.access.actor import Actor, ActorKind, Scope
from domain.event import ALERT_EVENTS, PUBLIC_EVENTS, EventType

EVERY_EVENT = frozenset(EventType)


def visible_events(actor: Actor) -> frozenset[EventType]:
    """Return the types of events that he may see: admins all, keys those of alerts if they may read these."""
    if actor.kind is ActorKind.ADMIN:
        return EVERY_EVENT
    return PUBLIC_EVENTS | ALERT_EVENTS if actor.may(Scope.ALERTS_READ) else PUBLIC_EVENTS
