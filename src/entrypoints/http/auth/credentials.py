"""The one admin's name and password: how they are checked, and how often."""

import asyncio
import hmac
import math
import unicodedata
from collections.abc import Callable
from datetime import timedelta

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from application.access.login_limits import LoginLimits
from application.fair_queue import FairQueue
from entrypoints.http.auth.client_address import UNKNOWN, network_of

log = structlog.get_logger(__name__)


class InvalidCredentials(Exception):
    """The name or the password is wrong."""


class RateLimited(Exception):
    """The caller has to wait before the next try."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.seconds = math.ceil(wait.total_seconds())


def composed(text: str) -> str:
    """Return a name or password in the form in which it is compared and hashed, NFC."""
    return unicodedata.normalize("NFC", text)


class Credentials:
    """Checks passwords with argon2id outside the event loop, a few at once.

    `places` must give an address one place at a time: otherwise guesses that are sent together would all be checked
    before one is counted.
    """

    def __init__(
        self, username: str, password_hash: str | Callable[[], str], limits: LoginLimits, places: FairQueue
    ) -> None:
        self._username = composed(username).encode()
        # A function computes the hash for the first check, because it takes as long as a check.
        self._password_hash = password_hash
        self._limits = limits
        self._hasher = PasswordHasher()
        self._places = places

    async def check(self, username: str, password: str, client: str) -> str:
        """Return the account's name if both are right. Wrong names take as long as wrong passwords, and count as much.

        A refusal is logged with the client's address, and with the account if it is the admin's.

        Both are compared in NFC, because keyboards differ in how they write an accent (RFC 8265).

        Raises:
            InvalidCredentials
            RateLimited: too many logins have failed; the password was not checked.
            QueueFull: too many checks wait already.
            StorageUnavailable: the number of failed logins is unknown, so no login succeeds.
        """
        try:
            return await self._check(composed(username), composed(password), network_of(client))
        except (InvalidCredentials, RateLimited) as refusal:
            reason = "rate limited" if isinstance(refusal, RateLimited) else "wrong credentials"
            # Another name may be a password in the wrong field.
            account = self._username.decode() if composed(username).encode() == self._username else UNKNOWN
            log.warning("login failed", account=account, address=client, reason=reason)
            raise

    async def _check(self, username: str, password: str, address: str) -> str:
        async with self._places.place(address):
            wait = await self._limits.wait(username, address)
            if wait:
                raise RateLimited(wait)
            right_password = await asyncio.to_thread(self._verify, password)
            if not (hmac.compare_digest(username.encode(), self._username) and right_password):
                await self._limits.note(username, address)
                raise InvalidCredentials
        return username

    def _verify(self, password: str) -> bool:
        if not isinstance(self._password_hash, str):
            self._password_hash = self._password_hash()
        try:
            return self._hasher.verify(self._password_hash, password)
        except (Argon2Error, InvalidHashError):
            return False
