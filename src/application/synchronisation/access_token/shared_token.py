"""The one access token that all processes share: when it is used, when it is renewed, and by which process.

Upstream issues no second token while the first one lives, so a lost token costs up to its whole life. The token
therefore lies in the database, sealed. A renewal is leased there first, then requested outside any transaction, then
stored. The schedule of failed renewals lies there too, so that all processes together ask no more often than one would.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from application.clock import Clock
from application.storage import StorageUnavailable
from application.synchronisation.access_token.issuing import TokenIssuer
from application.synchronisation.access_token.renewal import HeldToken, TokenEvent, TokenObserver, TokenRenewal
from application.synchronisation.access_token.secret import Secret
from application.synchronisation.access_token.store import StoredToken, TokenSeal, TokenState, TokenStore
from application.synchronisation.access_token.timing import TokenTiming
from application.synchronisation.offers_gateway import NotAuthorised


@dataclass(eq=False)
class SharedAccessToken:
    """One per process and refresh token; calls may be concurrent. `jitter` returns a number in [0, 1)."""

    refresh_token: Secret
    seal: TokenSeal
    store: TokenStore
    issue: TokenIssuer
    timing: TokenTiming
    clock: Clock
    jitter: Callable[[], float]
    observe: TokenObserver
    _renewal: TokenRenewal = field(init=False)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _held: HeldToken | None = field(default=None, init=False)
    _denied_at: datetime | None = field(default=None, init=False)
    _denied_because: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self._renewal = TokenRenewal(
            self.seal, self.store, self.issue, self.timing, self.clock, self.jitter, self.observe
        )

    @property
    def expires_at(self) -> datetime | None:
        """When the token that this process holds expires; None if it holds none."""
        return None if self._held is None else self._held.expires_at

    async def current(self) -> Secret:
        """Return a token that upstream should accept; renew it if there is none and this process may.

        It never waits for another process. Within this process, callers wait for the renewal under way.

        Raises:
            NotAuthorised: there is none now; ask again in a second.
        """
        held = self._live()
        if held is None:
            async with self._one_at_a_time:
                held = self._live() or await self._obtain()
        return held.token

    async def refused(self, token: Secret) -> None:
        """Drop a token that upstream refused, here and in the storage, unless there is a newer one already."""
        async with self._one_at_a_time:
            held = self._held
            if held is not None and held.token == token:
                self._held = None
                await self._drop(held)

    def redact(self, text: str) -> str:
        """Return the text without the tokens, in case upstream has echoed one."""
        if self._held is not None:
            text = text.replace(self._held.token.reveal(), "…")
        return text.replace(self.refresh_token.reveal(), "…")

    async def aclose(self) -> None:
        """Wait for a renewal under way for a bounded time."""
        await self._renewal.aclose()

    def _live(self) -> HeldToken | None:
        held = self._held
        return held if held is not None and self.clock() < held.expires_at else None

    async def _obtain(self) -> HeldToken:
        denied_at, now = self._denied_at, self.clock()
        # The lower bound makes it ask again when the clock was set back.
        if denied_at is not None and denied_at <= now < denied_at + self.timing.look_again:
            raise NotAuthorised(self._denied_because)
        try:
            self._held = await self._load_or_renew()
        except NotAuthorised as error:
            self._denied_at, self._denied_because = self.clock(), str(error)
            raise
        except StorageUnavailable as error:
            self._denied_at, self._denied_because = self.clock(), "the shared access token cannot be read"
            raise NotAuthorised(self._denied_because) from error
        return self._held

    async def _load_or_renew(self) -> HeldToken:
        finished = await self._renewal.finish()
        if finished is not None:
            return finished
        stored = await self.store.load(self.seal.name)
        if stored is not None:
            held = await self._open(stored)
            if held is not None:
                return held
            if stored.leased or stored.due_in > timedelta(0):
                raise NotAuthorised(_reason_of(stored))
        return await self._renewal.start()

    async def _drop(self, held: HeldToken) -> None:
        failures, trouble, due_in = 0, None, timedelta(0)
        if self.clock() - held.issued_at < self.timing.proven_after:
            failures, trouble = held.failures + 1, TokenState.FAILING
            due_in = self.timing.retry_in(failures, self.jitter())
        # If the storage is away, the next call is refused with the same token and comes here again.
        with suppress(StorageUnavailable):
            dropped = await self.store.drop(
                self.seal.name, held.sealed, failures=failures, trouble=trouble, due_in=due_in
            )
            if dropped:
                self.observe(TokenEvent.DROPPED, failures=failures, seconds=due_in.total_seconds())

    async def _open(self, stored: StoredToken) -> HeldToken | None:
        if stored.sealed is None or stored.expires_in <= timedelta(0):
            return None
        token = self.seal.open(stored.sealed)
        if token is None:
            self.observe(TokenEvent.UNREADABLE)
            failures = stored.failures + 1
            await self.store.drop(
                self.seal.name, stored.sealed, failures=failures, trouble=TokenState.FAILING, due_in=timedelta(0)
            )
            raise NotAuthorised("the shared access token is unreadable")
        now = self.clock()
        return HeldToken(token, stored.sealed, now - stored.age, now + stored.expires_in, stored.failures)


def _reason_of(stored: StoredToken) -> str:
    if stored.trouble is not None:
        return f"no access token: {stored.trouble}"
    return "the access token is being renewed"
