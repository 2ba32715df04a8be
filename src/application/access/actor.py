"""Who acts, and what a key lets its holder do."""

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a key may be for."""

    CATALOGUE_WRITE = "catalogue:write"
    SYNCHRONISATION_READ = "synchronisation:read"
    WEBHOOKS_WRITE = "webhooks:write"
    ALERTS_READ = "alerts:read"
    ALERTS_WRITE = "alerts:write"
    AUDIT_READ = "audit:read"


class ActorKind(StrEnum):
    """The kinds of callers that may write."""

    ADMIN = "admin"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller of a use-case: an admin, whose id is his name, or the holder of a key, whose id is the key's.

    The request's id and its address are None for a command on the operator's own machine. `scopes` are the key's.
    """

    kind: ActorKind
    id: str
    name: str
    request_id: str | None = None
    address: str | None = None
    scopes: frozenset[Scope] = frozenset()

    def may(self, scope: Scope) -> bool:
        """Return whether the caller may do what needs this scope; admins may do everything."""
        return self.kind is ActorKind.ADMIN or scope in self.scopes


OPERATOR = Actor(ActorKind.ADMIN, "operator", "operator")
"""Who runs a command of this service, straight on the database."""
