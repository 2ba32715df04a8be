"""The one access token that all processes share: when it is used, when it is renewed, and by whom.

Upstream gives no second token while the first one lives, so losing it costs up to its whole life. It therefore lies in
the database, sealed. A renewal is leased there first, then asked for outside any transaction, then stored; the
schedule of failed renewals lies there too, so that all processes together ask no more often than one would.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog

from adapters.offers_api.secret import Seal, Secret
from adapters.offers_api.token_pace import TokenPace
from adapters.offers_api.token_renewal import HeldToken, TokenEvent, TokenRenewal
from adapters.offers_api.token_store import Access, StoredToken, TokenStore
from application.synchronisation.offers_gateway import NotAuthorised
from application.unit_of_work import Clock, StorageUnavailable

log = structlog.get_logger(__name__)


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
        observe: Callable[[TokenEvent], None] = lambda _: None,
    ) -> None:
        self._refresh_token = Secret(refresh_token)
        self._seal = Seal(base_url.rstrip("/"), self._refresh_token)
        self._name = self._seal.name
        self._store = store
        self._pace = pace or TokenPace()
        self._clock = clock
        self._jitter = jitter
        self._observe = observe
        self._renewal = TokenRenewal(self._seal, store, issue, self._pace, clock, jitter, observe)
        self._one_at_a_time = asyncio.Lock()
        self._held: HeldToken | None = None
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
        await self._renewal.aclose()

    def _live(self) -> HeldToken | None:
        held = self._held
        return held if held is not None and self._clock() < held.expires_at else None

    async def _obtain(self) -> HeldToken:
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

    async def _load_or_renew(self) -> HeldToken:
        finished = await self._renewal.finish()
        if finished is not None:
            return finished
        stored = await self._store.load(self._name)
        if stored is not None:
            held = await self._open(stored)
            if held is not None:
                return held
            if stored.leased or stored.due_in > timedelta(0):
                raise NotAuthorised(_why_not(stored))
        return await self._renewal.start()

    async def _drop(self, held: HeldToken) -> None:
        failures, trouble, due_in = 0, None, timedelta(0)
        if self._clock() - held.issued_at < self._pace.proven_after:
            failures, trouble = held.failures + 1, Access.FAILING
            due_in = self._pace.retry_in(failures, self._jitter())
        # If the storage is away, the next call is refused with the same token and comes here again.
        with suppress(StorageUnavailable):
            dropped = await self._store.drop(self._name, held.sealed, failures=failures, trouble=trouble, due_in=due_in)
            if dropped:
                self._observe(TokenEvent.DROPPED)
                log.warning("access token refused", failures=failures, retry_in=due_in.total_seconds())

    async def _open(self, stored: StoredToken) -> HeldToken | None:
        if stored.sealed is None or stored.expires_in <= timedelta(0):
            return None
        token = self._seal.open(stored.sealed)
        if token is None:
            self._observe(TokenEvent.UNREADABLE)
            log.error("access token unreadable")
            failures = stored.failures + 1
            await self._store.drop(
                self._name, stored.sealed, failures=failures, trouble=Access.FAILING, due_in=timedelta(0)
            )
            raise NotAuthorised("the shared access token is unreadable")
        now = self._clock()
        return HeldToken(token, stored.sealed, now - stored.age, now + stored.expires_in, stored.failures)


def _why_not(stored: StoredToken) -> str:
    if stored.trouble is not None:
        return f"no access token: {stored.trouble}"
    return "the access token is being renewed"
