"""The one admin's name and password: how they are checked, and how often."""

import asyncio
import hmac
from collections.abc import Callable
from weakref import WeakValueDictionary

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from application.access.login_limits import LoginLimits
from entrypoints.http.problems.mapping import Overloaded, RateLimited, Unauthenticated

CHECKS_AT_ONCE = 2
CHECKS_WAITING = 16


class Credentials:
    """Checks passwords with argon2id away from the event loop, a bounded number at once, one at a time per address."""

    def __init__(self, username: str, password_hash: str | Callable[[], str], limits: LoginLimits) -> None:
        self._username = username.encode()
        # Made for the first check, because it takes as long as one.
        self._password_hash = password_hash
        self._limits = limits
        self._hasher = PasswordHasher()
        self._places = asyncio.Semaphore(CHECKS_AT_ONCE)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._under_way = 0

    async def check(self, username: str, password: str, address: str) -> None:
        """Pass if both are right; wrong names take as long as wrong passwords, and count as much.

        Raises:
            Unauthenticated
            RateLimited: too many have failed; the password was not looked at.
            Overloaded: too many checks wait already.
            StorageUnavailable: nobody can tell how many have failed, so nobody gets in.
        """
        if self._under_way >= CHECKS_AT_ONCE + CHECKS_WAITING:
            raise Overloaded
        self._under_way += 1
        try:
            # Guesses sent at the same time would all be checked before the first of them is counted.
            async with self._turns.setdefault(address, asyncio.Lock()):
                await self._check(username, password, address)
        finally:
            self._under_way -= 1

    async def _check(self, username: str, password: str, address: str) -> None:
        wait = await self._limits.wait(username, address)
        if wait:
            raise RateLimited(wait)
        async with self._places:
            right_password = await asyncio.to_thread(self._verify, password)
        if not (hmac.compare_digest(username.encode(), self._username) and right_password):
            await self._limits.note(username, address)
            raise Unauthenticated

    def _verify(self, password: str) -> bool:
        if not isinstance(self._password_hash, str):
            self._password_hash = self._password_hash()
        try:
            return self._hasher.verify(self._password_hash, password)
        except (Argon2Error, InvalidHashError):
            return False
