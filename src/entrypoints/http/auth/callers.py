"""The sender of a request: the holder of an admin's token or of a key, and whether a key's scopes suffice."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from litestar import Request

from application.access.actor import Actor, ActorKind, Scope
from application.access.key_text import MARK
from application.access.key_verification import VerifyKey
from entrypoints.http.auth.access_tokens import AccessTokens, InvalidToken, read_bearer
from entrypoints.http.auth.client_address import client_address

ACTOR = "actor"
"""The member of a request's state that holds its caller, once that was checked."""


class InsufficientScope(Exception):
    """The key is valid, but not for this; `scope` is the missing one, None if only admins may do it."""

    def __init__(self, scope: Scope | None) -> None:
        lacking = "Only admins may do this." if scope is None else f"The key lacks the scope `{scope}`."
        super().__init__(lacking)
        self.scope = scope


class Callers:
    """Checks the credentials of requests."""

    def __init__(self, access_tokens: AccessTokens, verify_key: VerifyKey) -> None:
        self._access_tokens = access_tokens
        self._verify_key = verify_key

    async def check(self, authorization: str, scope: Scope | None) -> Actor:
        """Return the caller by an Authorization header. Admins may do everything, keys only what their scopes allow.

        Raises:
            Unauthenticated, InvalidToken, InsufficientScope
            StorageUnavailable: the key could not be looked up.
        """
        actor, scopes = await self.identify(authorization)
        if scopes is not None and scope not in scopes:
            raise InsufficientScope(scope)
        return actor

    async def identify(self, authorization: str) -> tuple[Actor, Collection[Scope] | None]:
        """Return the caller by an Authorization header, and the scopes of a key; an admin has None.

        Raises:
            Unauthenticated, InvalidToken
            StorageUnavailable: the key could not be looked up.
        """
        token = read_bearer(authorization)
        if not token.startswith(MARK):
            return admin(self._access_tokens.check(token)), None
        key = await self._verify_key(token)
        if key is None:
            raise InvalidToken
        return Actor(ActorKind.KEY, str(key.id), key.name, scopes=key.scopes), key.scopes


def is_key(authorization: str) -> bool:
    """Return whether an Authorization header has a key, not a token.

    Raises:
        Unauthenticated
    """
    return read_bearer(authorization).startswith(MARK)


def admin(name: str) -> Actor:
    """Return the admin of this name as a caller."""
    return Actor(ActorKind.ADMIN, name, name)


def sent_by(actor: Actor, request: Request[Any, Any, Any]) -> Actor:
    """Return the caller with the id and the address of the request."""
    request_id = request.scope["state"].get("request_id")
    return replace(actor, request_id=request_id, address=client_address(request))


def provide_actor(request: Request[Any, Any, Any]) -> Actor:
    """Provide a handler with the caller that the checks have found, or with the admin of a page's session."""
    state = request.scope["state"]
    return sent_by(state.get(ACTOR) or admin(state["subject"]), request)
