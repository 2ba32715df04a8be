"""Whose turn it is to call upstream: so many calls at once, so many a second, and no endless wait for either."""

import asyncio

from aiolimiter import AsyncLimiter

from application.synchronisation.offers_gateway import NotAttempted


class Turns:
    """One `async with` is one call. A call whose turn does not come within `patience` seconds is not made.

    `calls_per_second` spreads the calls evenly, to 10 ms; None is without limit.
    """

    def __init__(self, *, concurrency: int, calls_per_second: float | None, patience: float) -> None:
        self._places = asyncio.Semaphore(concurrency)
        self._rate = None
        if calls_per_second is not None:
            # A timer is good for a millisecond, so what is finer than ten of them goes in small bursts.
            burst = max(1.0, calls_per_second / 100)
            self._rate = AsyncLimiter(burst, burst / calls_per_second)
        self._patience = patience

    async def __aenter__(self) -> None:
        """Wait for the turn.

        Raises:
            NotAttempted: it did not come in time.
        """
        try:
            async with asyncio.timeout(self._patience):
                if self._rate is not None:
                    await self._rate.acquire()
                await self._places.acquire()
        except TimeoutError:
            raise NotAttempted("too many calls wait for their turn") from None

    async def __aexit__(self, *_: object) -> None:
        """Let the next one in."""
        self._places.release()
