"""Limits on failed logins, per address and per account from one address: no caller can lock an account for others."""

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
    """A failed login and its age."""

    account: bytes
    age: timedelta


class LoginFailures(Protocol):
    """The failed logins of all processes, by the storage's clock.

    Raises:
        StorageUnavailable: in every call.
    """

    async def recent(self, address: str, within: timedelta, at_most: int) -> Sequence[LoginFailure]:
        """Return up to `at_most` failures from the address that are younger than `within`, newest first."""

    async def note(self, account: bytes, address: str, kept: timedelta) -> None:
        """Add a failure, and delete a bounded number of failures older than `kept`, more than one if there are."""


@dataclass(frozen=True, slots=True)
class LoginLimits:
    """The limits; unknown accounts count as known ones do."""

    failures: LoginFailures

    async def wait(self, account: str, address: str) -> timedelta:
        """Return how long the address must wait before it may try the account again; zero if it may now."""
        recent = await self.failures.recent(address, WINDOW, ADDRESS_FAILURES)
        of_account = [failure for failure in recent if failure.account == _digest(account)]
        return max(_wait(recent, ADDRESS_FAILURES), _wait(of_account, ACCOUNT_FAILURES))

    async def note(self, account: str, address: str) -> None:
        """Count a failure."""
        await self.failures.note(_digest(account), address, WINDOW)


def _wait(failures: Sequence[LoginFailure], allowed: int) -> timedelta:
    return WINDOW - failures[allowed - 1].age if len(failures) >= allowed else timedelta(0)


def _digest(account: str) -> bytes:
    """Bound the stored size, and keep out passwords that were typed into the wrong field."""
    return sha256(account.encode()).digest()
