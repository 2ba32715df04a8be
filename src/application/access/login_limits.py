"""How often logins may fail: counted per address, and there per account, so that nobody locks an account for others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Protocol

ACCOUNT_FAILURES = 5
ADDRESS_FAILURES = 20
WINDOW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class LoginFailure:
    """A login that failed so long ago."""

    account: bytes
    age: timedelta


class LoginFailures(Protocol):
    """The failed logins that all processes know of, by the storage's own clock.

    Raises:
        StorageUnavailable: in every call.
    """

    async def recent(self, address: str, within: timedelta, at_most: int) -> Sequence[LoginFailure]:
        """Return the address's failures that are younger than `within`, the newest first; reading changes nothing."""

    async def note(self, account: bytes, address: str, kept: timedelta) -> None:
        """Add a failure, and forget some of those older than `kept`, more than one if there are."""


@dataclass(frozen=True, slots=True)
class LoginLimits:
    """Whether a login may be tried; accounts that do not exist count as those that do."""

    failures: LoginFailures

    async def wait(self, account: str, address: str) -> timedelta:
        """Return how long no login to the account may be tried from the address, nothing if it may be now."""
        recent = await self.failures.recent(address, WINDOW, ADDRESS_FAILURES)
        of_account = [failure for failure in recent if failure.account == _digest(account)]
        return max(_wait(recent, ADDRESS_FAILURES), _wait(of_account, ACCOUNT_FAILURES))

    async def note(self, account: str, address: str) -> None:
        """Count a failure."""
        await self.failures.note(_digest(account), address, WINDOW)


def _wait(failures: Sequence[LoginFailure], allowed: int) -> timedelta:
    return WINDOW - failures[allowed - 1].age if len(failures) >= allowed else timedelta(0)


def _digest(account: str) -> bytes:
    """Bound what a caller can make us store, and keep out passwords typed into the wrong field."""
    return sha256(account.encode()).digest()
