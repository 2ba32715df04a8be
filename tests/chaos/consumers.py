"""All who follow the event log: one pulls, one listens to the stream, and a webhook's receiver has it pushed."""

import asyncio

from chaos.caller import Caller
from chaos.catalogue import Catalogue
from chaos.deployment import Deployment
from chaos.event_checks import check_events, logged
from chaos.event_consumers import Listener, Puller
from chaos.record import Record
from chaos.webhook_checks import check_webhook, let_retry, owed
from chaos.webhook_receiver import Receiver

SECONDS_TO_HEAR = 10.0
SECONDS_TO_DELIVER = 90.0
"""Longer than the lease of a worker that was killed."""
SECONDS_BETWEEN_LOOKS = 0.5


class Consumers:
    """The consumers of `deployment`; the one that pulls does so by `caller`."""

    def __init__(self, seed: int, deployment: Deployment, record: Record, caller: Caller) -> None:
        self.puller = Puller(seed, caller)
        self.receiver = Receiver(seed, record)
        self._listener = Listener(seed, deployment, record)
        self._deployment = deployment
        self._record = record

    def follow(self, closing: asyncio.Event) -> list[asyncio.Task[None]]:
        """Start those who go on while the deployment closes; the receiver is steady from then on."""
        return [asyncio.create_task(self._listener.run()), asyncio.create_task(self.receiver.run(closing))]

    async def deliver_all(self) -> None:
        """Wait until the receiver has taken all that is in the log; events that failed need not wait for hours."""

        async def delivered() -> bool:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            await asyncio.to_thread(let_retry, self._deployment, self._record)
            return not await asyncio.to_thread(owed, self._deployment, self.receiver)

        if not await self._deployment.until(delivered, SECONDS_TO_DELIVER):
            self._record.violate("a receiver catches up", f"not within {SECONDS_TO_DELIVER:g} s")

    async def hear_all(self) -> None:
        """Let the others come to the end of the log, which no worker makes longer any more."""
        log = await asyncio.to_thread(logged, self._deployment)

        async def heard() -> bool:
            return not log or (await self.puller.reach(log[-1]) and self._listener.reached(log[-1]))

        if not await self._deployment.until(heard, SECONDS_TO_HEAR):
            self._record.violate("consumers catch up", f"not within {SECONDS_TO_HEAR:g} s")

    def check(self, catalogue: Catalogue) -> None:
        """Compare what each has got with the log; the workers are stopped before."""
        check_events(self._deployment, catalogue, self.puller, self._listener, self._record)
        check_webhook(self._deployment, self.puller, self.receiver, self._record)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._listener.aclose()
        self.receiver.close()
