"""The one access token that all processes share: when it is used, when it is renewed, and by whom.

Upstream gives no second token while the first one lives, so losing it costs up to its whole life. It therefore lies in
the database, sealed. A renewal is leased there first, then asked for outside any transaction, then stored; the
schedule of failed renewals lies there too, so that all processes together ask no more often than one would.
"""

import asyncio
import random
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID, uuid4

import msgspec
import structlog

from adapters.offers_api.secret import Seal, Secret
from adapters.offers_api.token_issuer import AnotherTokenIsValid, RefreshTokenRefused
from application.ports import AnswerRefused, Clock, NotAuthorised, OffersServiceUnavailable, StorageUnavailable

log = structlog.get_logger(__name__)


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
class TokenPace:
    """Every duration of the token in one place (docs/synchronisation.md), so that tests can divide them."""

    assumed_life: timedelta = timedelta(seconds=300)
    """Of a token that does not say, or whose word is not to be believed."""
    longest_life: timedelta = timedelta(seconds=900)
    """What is believed of a token at the most."""
    renewal_jitter: timedelta = timedelta(seconds=1)
    """A renewal starts up to this long after the expiry, never before it."""
    lease: timedelta = timedelta(seconds=15)
    """How long a renewal keeps others away: longer than the call may take."""
    retries: tuple[timedelta, ...] = tuple(timedelta(seconds=seconds) for seconds in (2, 4, 8, 15))
    """After the first failed renewal, the second, …; the last one repeats. Up to a fifth is taken off as jitter."""
    refused_retry: timedelta = timedelta(seconds=60)
    """After upstream refused the refresh token."""
    longest_retry_after: timedelta = timedelta(seconds=300)
    proven_after: timedelta = timedelta(seconds=15)
    """A token refused at a lesser age than this counts as a failed renewal."""
    look_again: timedelta = timedelta(seconds=0.25)
    """Without a token the database is asked no more often than this."""
    farewell: timedelta = timedelta(seconds=2)
    """How long closing waits for a renewal under way, as its answer can't be had again."""


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


@dataclass(frozen=True, slots=True)
class _Held:
    """A token in the memory of this process, its times by this process's clock."""

    token: Secret
    sealed: bytes
    issued_at: datetime
    expires_at: datetime
    failures: int


@dataclass(frozen=True, slots=True)
class _Unkept:
    """A new token that the storage has not confirmed yet."""

    owner: UUID
    held: _Held


class SharedAccessToken:
    """One per process and refresh token; safe to call concurrently. `jitter` returns a number in [0, 1)."""

    def __init__(
        self,
        *,
        base_url: str,
        refresh_token: str,
        store: TokenStore,
        issue: Callable[[], Awaitable[Secret]],
        pace: TokenPace | None = None,
        clock: Clock = lambda: datetime.now(UTC),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._refresh_token = Secret(refresh_token)
        self._seal = Seal(base_url.rstrip("/"), self._refresh_token)
        self._name = self._seal.name
        self._store = store
        self._issue = issue
        self._pace = pace or TokenPace()
        self._clock = clock
        self._jitter = jitter
        self._one_at_a_time = asyncio.Lock()
        self._renewal: asyncio.Task[_Held] | None = None
        self._held: _Held | None = None
        self._unkept: _Unkept | None = None
        self._denied_at: datetime | None = None
        self._denied_because = ""

    async def state(self) -> Access:
        """Say how it stands, without a call upstream.

        Raises:
            StorageUnavailable
        """
        if self._live() is not None:
            return Access.OK
        stored = await self._store.load(self._name)
        if stored is None:
            return Access.NONE
        if stored.sealed is not None and stored.expires_in > timedelta(0):
            return Access.OK
        return stored.trouble or (Access.RENEWING if stored.leased else Access.NONE)

    async def current(self) -> Secret:
        """Return a token that upstream should accept; renew it if none is left and it is our turn to.

        Never waits for another process; within this one, callers wait for the renewal under way.

        Raises:
            NotAuthorised: there is none now, ask again in a second.
        """
        held = self._live()
        if held is None:
            async with self._one_at_a_time:
                held = self._live() or await self._obtain()
        return held.token

    async def refused(self, token: Secret) -> None:
        """Forget a token that upstream refused, here and in the storage, unless there is a newer one already."""
        async with self._one_at_a_time:
            held = self._held
            if held is not None and held.token == token:
                self._held = None
                await self._drop(held)

    def redact(self, text: str) -> str:
        """Return the text without the tokens, should upstream have echoed one."""
        if self._held is not None:
            text = text.replace(self._held.token.reveal(), "…")
        return text.replace(self._refresh_token.reveal(), "…")

    async def aclose(self) -> None:
        """Let a renewal under way come to its end, if that is soon."""
        if self._renewal is not None:
            await asyncio.wait([self._renewal], timeout=self._pace.farewell.total_seconds())
            self._renewal.cancel()

    def _live(self) -> _Held | None:
        held = self._held
        return held if held is not None and self._clock() < held.expires_at else None

    async def _obtain(self) -> _Held:
        denied_at, now = self._denied_at, self._clock()
        # Also asked again when the clock was set back.
        if denied_at is not None and denied_at <= now < denied_at + self._pace.look_again:
            raise NotAuthorised(self._denied_because)
        try:
            self._held = await self._load_or_renew()
        except NotAuthorised as error:
            self._denied_at, self._denied_because = self._clock(), str(error)
            raise
        except StorageUnavailable as error:
            self._denied_at, self._denied_because = self._clock(), "the shared access token is out of reach"
            raise NotAuthorised(self._denied_because) from error
        return self._held

    async def _load_or_renew(self) -> _Held:
        if self._unkept is not None and self._clock() < self._unkept.held.expires_at:
            return await self._keep(self._unkept)
        stored = await self._store.load(self._name)
        if stored is not None:
            held = await self._open(stored)
            if held is not None:
                return held
            if stored.leased or stored.due_in > timedelta(0):
                raise NotAuthorised(_why_not(stored))
        # A caller that is cancelled must not take the answer with it: it can't be had again.
        self._renewal = asyncio.create_task(self._renew())
        return await asyncio.shield(self._renewal)

    async def _drop(self, held: _Held) -> None:
        failures, trouble, due_in = 0, None, timedelta(0)
        if self._clock() - held.issued_at < self._pace.proven_after:
            failures, trouble = held.failures + 1, Access.FAILING
            due_in = self._retry_in(failures)
        # If the storage is away, the next call is refused with the same token and comes here again.
        with suppress(StorageUnavailable):
            dropped = await self._store.drop(self._name, held.sealed, failures=failures, trouble=trouble, due_in=due_in)
            if dropped:
                log.warning("access token refused", failures=failures, retry_in=due_in.total_seconds())

    async def _open(self, stored: StoredToken) -> _Held | None:
        if stored.sealed is None or stored.expires_in <= timedelta(0):
            return None
        token = self._seal.open(stored.sealed)
        if token is None:
            log.error("access token unreadable")
            failures = stored.failures + 1
            await self._store.drop(
                self._name, stored.sealed, failures=failures, trouble=Access.FAILING, due_in=timedelta(0)
            )
            raise NotAuthorised("the shared access token is unreadable")
        now = self._clock()
        return _Held(token, stored.sealed, now - stored.age, now + stored.expires_in, stored.failures)

    async def _renew(self) -> _Held:
        owner = uuid4()
        leased = await self._store.lease(self._name, owner, self._pace.lease)
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
        held = _Held(token, self._seal.close(token), now, now + self._life_of(token, now), failures)
        return await self._keep(_Unkept(owner, held))

    async def _postpone(self, owner: UUID, failures: int, error: Exception) -> None:
        trouble, due_in = Access.FAILING, self._retry_in(failures)
        if isinstance(error, AnotherTokenIsValid):
            trouble = Access.ANOTHER_IS_VALID
        elif isinstance(error, RefreshTokenRefused):
            trouble = Access.REFUSED
            due_in = self._pace.refused_retry + self._jitter() * self._pace.renewal_jitter
        elif isinstance(error, OffersServiceUnavailable) and error.retry_after is not None:
            asked = self._pace.longest_retry_after
            if error.retry_after < asked.total_seconds():
                asked = timedelta(seconds=error.retry_after)
            due_in = max(due_in, asked)
        log.warning("access token not renewed", reason=str(error), failures=failures, retry_in=due_in.total_seconds())
        await self._store.postpone(self._name, owner, failures=failures, trouble=trouble, due_in=due_in)

    async def _keep(self, unkept: _Unkept) -> _Held:
        # Remembered until the storage has answered: after a failure the next caller tries to store it again.
        self._unkept = unkept
        held = unkept.held
        expires_in = held.expires_at - self._clock()
        # Not at once again even if the token says that it is about to expire.
        due_in = max(expires_in + self._jitter() * self._pace.renewal_jitter, self._pace.retries[0])
        # Its failures stay with the token until it has proved itself.
        kept = await self._store.keep(
            self._name, unkept.owner, held.sealed, failures=held.failures, expires_in=expires_in, due_in=due_in
        )
        self._unkept = None
        if not kept:
            log.warning("access token came too late")
            raise NotAuthorised("the access token is renewed by someone else")
        log.info("access token renewed", expires_in=expires_in.total_seconds())
        return held

    def _retry_in(self, failures: int) -> timedelta:
        retries = self._pace.retries
        # Shorter, not longer: whole steps and the second between two looks must not add up to more than the last step.
        return retries[min(failures, len(retries)) - 1] * (0.9 - 0.1 * self._jitter())

    def _life_of(self, token: Secret, now: datetime) -> timedelta:
        expires = _expires(token.reveal())
        if expires is None:
            return self._pace.assumed_life
        left = expires - now.timestamp()
        believed = 0 < left <= self._pace.longest_life.total_seconds()
        return timedelta(seconds=left) if believed else self._pace.assumed_life


class _Claims(msgspec.Struct):
    expires: float


def _expires(token: str) -> float | None:
    """Read the claim without checking the signature: upstream will, and nothing else depends on it."""
    _header, _, rest = token.partition(".")
    claims = rest.partition(".")[0]
    try:
        decoded = urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
        return msgspec.json.decode(decoded, type=_Claims).expires
    except (ValueError, msgspec.MsgspecError, RecursionError):
        return None


def _why_not(stored: StoredToken) -> str:
    if stored.trouble is not None:
        return f"no access token: {stored.trouble}"
    return "the access token is being renewed"
