"""One renewal of the shared access token: leased in the storage, asked for outside any transaction, then stored."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid4

import structlog

from adapters.offers_api.secret import Seal, Secret
from adapters.offers_api.token_claims import read_expires
from adapters.offers_api.token_issuer import AnotherTokenIsValid, RefreshTokenRefused
from adapters.offers_api.token_pace import TokenPace
from adapters.offers_api.token_store import Access, TokenStore
from application.synchronisation.offers_gateway import AnswerRefused, NotAuthorised, OffersServiceUnavailable
from application.unit_of_work import Clock

log = structlog.get_logger(__name__)


class TokenEvent(StrEnum):
    """What a renewal came to, or what became of a token before its expiry, for those who count."""

    RENEWED = "renewed"
    ANOTHER_IS_VALID = "another_is_valid"
    REFUSED = "refused"
    FAILING = "failing"
    TOO_LATE = "too_late"
    """Someone else had the lease by then."""
    DROPPED = "dropped"
    """Upstream refused it."""
    UNREADABLE = "unreadable"
    """The stored one was not sealed by us."""


_EVENTS = {
    Access.ANOTHER_IS_VALID: TokenEvent.ANOTHER_IS_VALID,
    Access.REFUSED: TokenEvent.REFUSED,
    Access.FAILING: TokenEvent.FAILING,
}


@dataclass(frozen=True, slots=True)
class HeldToken:
    """A token in the memory of this process, its times by this process's clock."""

    token: Secret
    sealed: bytes
    issued_at: datetime
    expires_at: datetime
    failures: int


class TokenRenewal:
    """The renewals of one process; the caller sees to it that they come one at a time."""

    def __init__(
        self,
        seal: Seal,
        store: TokenStore,
        issue: Callable[[], Awaitable[Secret]],
        pace: TokenPace,
        clock: Clock,
        jitter: Callable[[], float],
        observe: Callable[[TokenEvent], None],
    ) -> None:
        self._seal = seal
        self._store = store
        self._issue = issue
        self._pace = pace
        self._clock = clock
        self._jitter = jitter
        self._observe = observe
        self._running: asyncio.Task[HeldToken] | None = None
        self._unkept: tuple[UUID, HeldToken] | None = None  # which the storage has not confirmed yet

    async def finish(self) -> HeldToken | None:
        """Store a new token that the storage has not confirmed yet; None if there is none that lives.

        Raises:
            NotAuthorised: someone else renews it now.
            StorageUnavailable
        """
        if self._unkept is None or self._clock() >= self._unkept[1].expires_at:
            return None
        return await self._keep(*self._unkept)

    async def start(self) -> HeldToken:
        """Get a new token if the storage gives us the lease.

        Raises:
            NotAuthorised, StorageUnavailable
        """
        # A caller that is cancelled must not take the answer with it: it can't be had again.
        self._running = asyncio.create_task(self._renew())
        # Nor is its failure of interest then, though asyncio would log it with a traceback.
        self._running.add_done_callback(lambda renewal: renewal.cancelled() or renewal.exception())
        return await asyncio.shield(self._running)

    async def aclose(self) -> None:
        """Let a renewal under way come to its end, if that is soon."""
        if self._running is not None:
            await asyncio.wait([self._running], timeout=self._pace.farewell.total_seconds())
            self._running.cancel()

    async def _renew(self) -> HeldToken:
        owner = uuid4()
        leased = await self._store.lease(self._seal.name, owner, self._pace.lease)
        if leased is None:
            raise NotAuthorised("the access token is being renewed")
        # The row of failures ends with a token that lived to its expiry; one that did not was dropped.
        failures = 0 if leased.sealed is not None else leased.failures
        try:
            token = await self._issue()
        except (AnotherTokenIsValid, RefreshTokenRefused, AnswerRefused, OffersServiceUnavailable) as error:
            await self._postpone(owner, failures + 1, error)
            raise NotAuthorised(f"no access token: {error}") from error
        now = self._clock()
        expires_at = now + self._pace.life(read_expires(token), now)
        return await self._keep(owner, HeldToken(token, self._seal.close(token), now, expires_at, failures))

    async def _postpone(self, owner: UUID, failures: int, error: Exception) -> None:
        trouble, due_in = Access.FAILING, self._pace.retry_in(failures, self._jitter())
        if isinstance(error, AnotherTokenIsValid):
            trouble = Access.ANOTHER_IS_VALID
        elif isinstance(error, RefreshTokenRefused):
            trouble = Access.REFUSED
            due_in = self._pace.refused_retry + self._jitter() * self._pace.renewal_jitter
        elif isinstance(error, OffersServiceUnavailable) and error.retry_after is not None:
            asked = timedelta(seconds=error.retry_after)
            due_in = max(due_in, min(asked, self._pace.longest_retry_after))
        self._observe(_EVENTS[trouble])
        log.warning("access token not renewed", reason=str(error), failures=failures, retry_in=due_in.total_seconds())
        await self._store.postpone(self._seal.name, owner, failures=failures, trouble=trouble, due_in=due_in)

    async def _keep(self, owner: UUID, held: HeldToken) -> HeldToken:
        # Remembered until the storage has answered: after a failure the next caller tries to store it again.
        self._unkept = owner, held
        expires_in = held.expires_at - self._clock()
        # Not at once again even if the token says that it is about to expire.
        due_in = max(expires_in + self._jitter() * self._pace.renewal_jitter, self._pace.retries[0])
        # Its failures stay with the token until it has proved itself.
        kept = await self._store.keep(
            self._seal.name, owner, held.sealed, failures=held.failures, expires_in=expires_in, due_in=due_in
        )
        self._unkept = None
        if not kept:
            self._observe(TokenEvent.TOO_LATE)
            log.warning("access token came too late")
            raise NotAuthorised("the access token is renewed by someone else")
        self._observe(TokenEvent.RENEWED)
        log.info("access token renewed", expires_in=expires_in.total_seconds())
        return held
