"""The deliveries of a worker: a loop beside its jobs, so that no receiver can take a place from the refreshing."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from adapters.metrics.metrics import Metrics
from application.storage import StorageUnavailable
from application.webhooks.delivery import DeliverEvents, DeliveryTiming
from application.webhooks.ports import DeliveryClaim, DueWebhooks, WebhookReader

log = structlog.get_logger(__name__)

SECONDS_BETWEEN_COUNTS = 60.0


@dataclass
class Deliveries:
    """Claims webhooks once a second, and at once where more is due, and runs a round for each.

    All calls of a round have their places before it begins, so none waits for another webhook's.
    """

    due: DueWebhooks
    deliver: DeliverEvents
    reader: WebhookReader
    metrics: Metrics
    timing: DeliveryTiming
    _running: "asyncio.Task[None] | None" = None
    _rounds: set["asyncio.Task[None]"] = field(default_factory=set)
    _places: int = 0
    _more: asyncio.Event = field(default_factory=asyncio.Event)
    _limited: bool = False
    _stopping: bool = False
    _trouble: bool = False
    _counted_at: float | None = None

    def start(self) -> None:
        """Begin, and go on until stopped."""
        self._running = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while not self._stopping:
            self._more.clear()
            try:
                await self._claim()
                await self._count()
                self._recovered()
            except StorageUnavailable as error:
                self._failed(error)
            except Exception:
                log.exception("webhooks not claimed")
            with suppress(TimeoutError):
                async with asyncio.timeout(self.timing.tick):
                    await self._more.wait()

    def stop(self) -> None:
        """Begin no further call; those under way go on."""
        self._stopping = True
        self._more.set()

    async def finish(self, seconds: float) -> None:
        """Wait for the calls under way, and break off those that take longer: other workers send their events again."""
        self.stop()
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        if self._running is not None:
            # A claim that is broken off may be committed, and would keep its webhooks waiting until its lease ends.
            await asyncio.wait([self._running], timeout=seconds)
            self._running.cancel()
        if self._rounds:
            _, late = await asyncio.wait(self._rounds, timeout=max(0, ends - loop.time()))
            for each in late:
                each.cancel()

    async def _claim(self) -> None:
        most = (self.timing.calls - self._places) // self.timing.calls_each
        self._limited = most == 0
        if self._limited:
            return
        claims = await self.due.claim(self.timing.lease, most)
        for claim in claims:
            places = self.deliver.width(claim)
            self._places += places
            task = asyncio.create_task(self._serve(claim, places))
            self._rounds.add(task)
            task.add_done_callback(self._rounds.discard)
        if len(claims) == most:
            self._limited = True
            self._more.set()

    async def _serve(self, claim: DeliveryClaim, places: int) -> None:
        more = False
        try:
            more = await self.deliver(claim, lambda: self._stopping)
        except StorageUnavailable as error:
            self._failed(error)
        except Exception:
            log.exception("round of deliveries failed", webhook=str(claim.webhook.id))
        finally:
            self._places -= places
            if more or self._limited:
                self._more.set()

    async def _count(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._counted_at is None or now - self._counted_at >= SECONDS_BETWEEN_COUNTS:
            self.metrics.webhooks.count(await self.reader.summary())
            self._counted_at = now

    def _failed(self, error: StorageUnavailable) -> None:
        if not self._trouble:
            log.warning("deliveries stopped", reason=str(error))
        self._trouble = True

    def _recovered(self) -> None:
        if self._trouble:
            log.info("deliveries resumed")
        self._trouble = False
