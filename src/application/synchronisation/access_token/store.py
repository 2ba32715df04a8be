"""The ports to the row in which all processes share one access token, and to the seal that protects it there."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from application.synchronisation.access_token.secret import Secret


class TokenState(StrEnum):
    """The state of the shared token; all but the first three are troubles of a renewal."""

    OK = "ok"
    NONE = "none"
    """Not requested yet, or expired and not requested since."""
    RENEWING = "renewing"
    ANOTHER_IS_VALID = "another token is valid"
    REFUSED = "refused"
    """The refresh token is wrong."""
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class StoredToken:
    """The shared row. Its durations are by the storage's clock and count from the moment it was read."""

    sealed: bytes | None
    age: timedelta
    """Since the token was stored, or since the last change where there is none."""
    expires_in: timedelta
    due_in: timedelta
    """Until a renewal may start; negative once it may, as `expires_in` is negative after the expiry."""
    leased: bool
    failures: int
    trouble: TokenState | None

    @property
    def state(self) -> TokenState:
        """The state of the token that all processes share."""
        if self.sealed is not None and self.expires_in > timedelta(0):
            return TokenState.OK
        return self.trouble or (TokenState.RENEWING if self.leased else TokenState.NONE)


class TokenStore(Protocol):
    """The shared row of each `name`. Every call is one transaction of one statement.

    After the storage's clock was set back, a row that was changed at a time ahead is due and not leased.

    Raises:
        StorageUnavailable: in every call; whether a change was made is unknown.
    """

    async def load(self, name: str) -> StoredToken | None:
        """Return the row, None if there was never one."""

    async def lease(self, name: str, owner: UUID, duration: timedelta) -> StoredToken | None:
        """Lease the renewal to `owner` and return the row; None if it is not due or leased to another process."""

    async def keep(
        self, name: str, owner: UUID, sealed: bytes, *, failures: int, expires_in: timedelta, due_in: timedelta
    ) -> bool:
        """Store a new token, end the lease and clear the trouble; False, with nothing changed, if the lease is lost.

        A lease that has ended is lost only once another one was given.
        """

    async def postpone(self, name: str, owner: UUID, *, failures: int, trouble: TokenState, due_in: timedelta) -> bool:
        """Store a failed renewal, drop the old token, end the lease; False, with nothing changed, if it is lost."""

    async def drop(
        self, name: str, sealed: bytes, *, failures: int, trouble: TokenState | None, due_in: timedelta
    ) -> bool:
        """Drop the token if it is still this one; False, with nothing changed, if not."""


class TokenSeal(Protocol):
    """Encrypts tokens for storage."""

    name: str
    """The name of the row: a digest of the settings that the token belongs to."""

    def close(self, token: Secret) -> bytes:
        """Encrypt; the same token never looks the same twice."""

    def open(self, sealed: bytes) -> Secret | None:
        """Decrypt; None if this seal did not encrypt it."""


async def token_state(store: TokenStore, seal: TokenSeal) -> TokenState:
    """Return the state of the shared token, without a call upstream.

    Raises:
        StorageUnavailable
    """
    stored = await store.load(seal.name)
    return TokenState.NONE if stored is None else stored.state
