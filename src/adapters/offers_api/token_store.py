"""The row in which all processes share one access token, and the port to it."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class Access(StrEnum):
    """How it stands with the token; all but the first three are troubles that a renewal met."""

    OK = "ok"
    NONE = "none"
    """Not asked for yet, or expired and not asked for since."""
    RENEWING = "renewing"
    ANOTHER_IS_VALID = "another token is valid"
    REFUSED = "refused"
    """The refresh token is wrong."""
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class StoredToken:
    """The shared row; its durations are by the storage's clock, counted from the moment it was read."""

    sealed: bytes | None
    age: timedelta
    expires_in: timedelta
    due_in: timedelta
    """Until a renewal may start; it may be negative, like `expires_in`."""
    leased: bool
    failures: int
    trouble: Access | None


class TokenStore(Protocol):
    """The shared row of each `name`. Every call is one transaction of one statement.

    Raises:
        StorageUnavailable: in every call; a change may have been made or not.
    """

    async def load(self, name: str) -> StoredToken | None:
        """Return the row, None if there was never one."""

    async def lease(self, name: str, owner: UUID, duration: timedelta) -> StoredToken | None:
        """Keep others from renewing and return the row; None if it is not due or someone else's lease runs."""

    async def keep(
        self, name: str, owner: UUID, sealed: bytes, *, failures: int, expires_in: timedelta, due_in: timedelta
    ) -> bool:
        """Store a new token, end the lease and the trouble; False, and nothing done, if `owner` lost the lease.

        A lease that has ended is lost only when another was given.
        """

    async def postpone(self, name: str, owner: UUID, *, failures: int, trouble: Access, due_in: timedelta) -> bool:
        """Note a failed renewal, forget the old token, end the lease; False, and nothing done, if it was lost."""

    async def drop(self, name: str, sealed: bytes, *, failures: int, trouble: Access | None, due_in: timedelta) -> bool:
        """Forget the token if it is still this one; False, and nothing done, if not."""
