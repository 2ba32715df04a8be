"""One renewal of the shared access token: leased in the storage, requested outside any transaction, then stored."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID, uuid4

from application.clock import Clock
from application.synchronisation.access_token.issuing import AnotherTokenIsValid, RefreshTokenRefused, TokenIssuer
from application.synchronisation.access_token.secret import Secret
from application.synchronisation.access_token.store import TokenSeal, TokenState, TokenStore
from application.synchronisation.access_token.timing import TokenTiming
from application.synchronisation.offers_gateway import AnswerRefused, NotAuthorised, OffersServiceUnavailable


class TokenEvent(StrEnum):
    """The outcome of a renewal, or the end of a token before its expiry."""

    RENEWED = "renewed"
    ANOTHER_IS_VALID = "another_is_valid"
    REFUSED = "refused"
    FAILING = "failing"
    TOO_LATE = "too_late"
    """Another process had the lease by then."""
    DROPPED = "dropped"
    """Upstream refused the token."""
    UNREADABLE = "unreadable"
    """The stored token was not sealed by these settings."""


class TokenObserver(Protocol):
    """Receives every event; it must not wait."""

    def __call__(self, event: TokenEvent, *, reason: str = "", failures: int = 0, seconds: float = 0.0) -> None:
        """Note the event: its reason, the failures in a row, and the seconds until the next renewal or the expiry."""


_EVENTS = {
    TokenState.ANOTHER_IS_VALID: TokenEvent.ANOTHER_IS_VALID,
    TokenState.REFUSED: TokenEvent.REFUSED,
    TokenState.FAILING: TokenEvent.FAILING,
}


@dataclass(frozen=True, slots=True)
class HeldToken:
    """A token in the memory of this process, its times by this process's clock."""

    token: Secret
    sealed: bytes
    issued_at: datetime
    expires_at: datetime
    failures: int


@dataclass(eq=False)
class TokenRenewal:
    """The renewals of one process; the caller makes sure that they come one at a time."""

    seal: TokenSeal
    store: TokenStore
    issue: TokenIssuer
    timing: TokenTiming
    clock: Clock
    jitter: Callable[[], float]
    observe: TokenObserver
    _running: "asyncio.Task[HeldToken] | None" = None
    _unconfirmed: tuple[UUID, HeldToken] | None = None
    """A new token and its lease's owner, until the storage has confirmed it."""

    async def finish(self) -> HeldToken | None:
        """Store a new token that the storage has not confirmed yet; None if there is none that lives.

        Raises:
            NotAuthorised: another process renews the token now.
            StorageUnavailable
        """
        if self._unconfirmed is None or self.clock() >= self._unconfirmed[1].expires_at:
            return None
        return await self._keep(*self._unconfirmed)

    async def start(self) -> HeldToken:
        """Get a new token if the storage gives this process the lease.

        Raises:
            NotAuthorised, StorageUnavailable
        """
        # In a task of its own: a cancelled caller must not lose the answer, which cannot be had again.
        self._running = asyncio.create_task(self._renew())
        # Reading the exception keeps asyncio from logging it with a traceback when the caller is gone.
        self._running.add_done_callback(lambda renewal: renewal.cancelled() or renewal.exception())
        return await asyncio.shield(self._running)

    async def aclose(self) -> None:
        """Wait for a renewal under way for a bounded time, then cancel it."""
        if self._running is not None:
            await asyncio.wait([self._running], timeout=self.timing.farewell.total_seconds())
            self._running.cancel()

    async def _renew(self) -> HeldToken:
        owner = uuid4()
        leased = await self.store.lease(self.seal.name, owner, self.timing.lease)
        if leased is None:
            raise NotAuthorised("the access token is being renewed")
        # A token that lived to its expiry ends the row of failures; one that did not was dropped.
        failures = 0 if leased.sealed is not None else leased.failures
        try:
            issued = await self.issue()
        except (AnotherTokenIsValid, RefreshTokenRefused, AnswerRefused, OffersServiceUnavailable) as error:
            await self._postpone(owner, failures + 1, error)
            raise NotAuthorised(f"no access token: {error}") from error
        now = self.clock()
        expires_at = now + self.timing.life(issued.expires, now)
        return await self._keep(
            owner, HeldToken(issued.token, self.seal.close(issued.token), now, expires_at, failures)
        )

    async def _postpone(self, owner: UUID, failures: int, error: Exception) -> None:
        trouble, due_in = TokenState.FAILING, self.timing.retry_in(failures, self.jitter())
        if isinstance(error, AnotherTokenIsValid):
            trouble = TokenState.ANOTHER_IS_VALID
        elif isinstance(error, RefreshTokenRefused):
            trouble = TokenState.REFUSED
            due_in = self.timing.refused_retry + self.jitter() * self.timing.renewal_jitter
        elif isinstance(error, OffersServiceUnavailable) and error.retry_after is not None:
            # Compared in seconds, because upstream may send more than a timedelta can hold.
            wanted = min(error.retry_after, self.timing.longest_retry_after.total_seconds())
            due_in = max(due_in, timedelta(seconds=wanted))
        self.observe(_EVENTS[trouble], reason=str(error), failures=failures, seconds=due_in.total_seconds())
        await self.store.postpone(self.seal.name, owner, failures=failures, trouble=trouble, due_in=due_in)

    async def _keep(self, owner: UUID, held: HeldToken) -> HeldToken:
        # Remembered until the storage has answered: after a failure the next caller tries to store it again.
        self._unconfirmed = owner, held
        expires_in = held.expires_at - self.clock()
        # Even a token that states an imminent expiry is not renewed at once.
        due_in = max(expires_in + self.jitter() * self.timing.renewal_jitter, self.timing.retries[0])
        # The failures stay with the token until it has proved itself.
        kept = await self.store.keep(
            self.seal.name, owner, held.sealed, failures=held.failures, expires_in=expires_in, due_in=due_in
        )
        self._unconfirmed = None
        if not kept:
            self.observe(TokenEvent.TOO_LATE)
            raise NotAuthorised("another process renews the access token")
        self.observe(TokenEvent.RENEWED, seconds=expires_in.total_seconds())
        return held
