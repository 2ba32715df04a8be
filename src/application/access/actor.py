"""The caller of a use-case, and the scopes of keys."""

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """The scopes of keys: each allows one kind of call."""

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
    """The caller of a use-case: an admin, whose id is the name, or the holder of a key, whose id is the key's.

    The request's id and its address are None for a command on the operator's own machine. `scopes` are the key's.
    """

    kind: ActorKind
    id: str
    name: str
    request_id: str | None = None
    address: str | None = None
    scopes: frozenset[Scope] = frozenset()

    def may(self, scope: Scope) -> bool:
        """Return whether the caller has this scope; an admin has all."""
        return self.kind is ActorKind.ADMIN or scope in self.scopes


OPERATOR = Actor(ActorKind.ADMIN, "operator", "operator")
"""The caller of a command of this service, which works straight on the database."""
