"""Limits on the calls upstream: so many at once, so many a second, and a bounded wait for either."""

import asyncio

from aiolimiter import AsyncLimiter

from application.bounded_queue import BoundedQueue, QueueFull
from application.synchronisation.offers_gateway import NotAttempted


class CallLimits:
    """One `async with` is one call. A call that must wait for longer than `patience` seconds in all is not made.

    `calls_per_second` spreads the calls evenly, to 10 ms; None is without limit.
    """

    def __init__(self, *, concurrency: int, waiting: int, calls_per_second: float | None, patience: float) -> None:
        self._places = BoundedQueue(at_once=concurrency, waiting=waiting, patience=patience)
        self._patience = patience
        self._rate = None
        if calls_per_second is not None:
            # A timer is accurate to a millisecond, so rates finer than ten of them go in small bursts.
            burst = max(1.0, calls_per_second / 100)
            self._rate = AsyncLimiter(burst, burst / calls_per_second)

    async def __aenter__(self) -> None:
        """Wait for the rate and for a place.

        Raises:
            NotAttempted: that took too long.
        """
        try:
            if self._rate is None:
                await self._places.enter()
            else:
                async with asyncio.timeout(self._patience):
                    await self._rate.acquire()
                    await self._places.enter()
        except (TimeoutError, QueueFull):
            raise NotAttempted("too many calls wait for their turn") from None

    async def __aexit__(self, *_: object) -> None:
        self._places.leave()
