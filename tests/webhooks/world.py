"""A storage in memory, a receiver that follows a script, and the workers between them, by a clock that a test turns."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from application.access.actor import OPERATOR
from application.events.event_log import Position
from application.webhooks.attempts import AttemptOutcome, ReceiverAnswer
from application.webhooks.delivery import DeliverEvents, DeliveryTiming
from application.webhooks.management import CreateWebhook
from application.webhooks.ports import DeliveryClaim, Message
from application.webhooks.targets import TargetPolicy
from application.webhooks.webhook import Webhook
from domain.event import Event, EventType
from factories import some_id
from fakes.event_readers import InMemoryEventReader
from fakes.storage import NOON, FakeClock, InMemoryStorage
from fakes.webhooks import InMemoryDueWebhooks, InMemoryWebhookReader

ANYWHERE = TargetPolicy(allow_private=True, allow_http=True)
URL = "https://shop.example/hooks"
OK = ReceiverAnswer(200, None, "ok")
TIMING = DeliveryTiming(most_waiting=5)


class PlainSeal:
    """Secrets as they are, under the id of their webhook."""

    def close(self, webhook_id: UUID, secret: str) -> bytes:
        return webhook_id.bytes + secret.encode()

    def open(self, webhook_id: UUID, sealed: bytes) -> str | None:
        return sealed[16:].decode() if sealed[:16] == webhook_id.bytes else None


@dataclass
class Observed:
    """See `DeliveryObserver`."""

    answers: list[ReceiverAnswer] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    skips: int = 0

    def attempted(self, answer: ReceiverAnswer, seconds: float) -> None:
        self.answers.append(answer)

    def disabled(self, webhook: Webhook, reason: str) -> None:
        self.reasons.append(reason)

    def skipped(self, webhook: Webhook, oldest: Position) -> None:
        self.skips += 1


@dataclass
class World:
    """A storage, a receiver, and the workers between them."""

    clock: FakeClock = field(default_factory=FakeClock)
    answers: Callable[[Message], ReceiverAnswer] = lambda _: OK
    sent: list[Message] = field(default_factory=list)
    observed: Observed = field(default_factory=Observed)
    at_once: int = 0
    most_at_once: int = 0

    def __post_init__(self) -> None:
        self.storage = InMemoryStorage(self.clock)
        self.events = InMemoryEventReader(self.storage)
        self.due = InMemoryDueWebhooks(self.storage)
        self.reader = InMemoryWebhookReader(self.storage)
        self.barrier: asyncio.Event | None = None
        self.slow = ""

    async def create(self, url: str = URL, **options: Any) -> UUID:
        create = CreateWebhook(self.storage.begin, self.events, PlainSeal(), ANYWHERE)
        return (await create(url=url, actor=OPERATOR, **options)).webhook.id

    async def append(self, *kinds: EventType, subject: UUID | None = None) -> list[str]:
        """Append events, and return their ids."""
        async with self.storage.begin() as work:
            kinds = kinds or (EventType.PRICE_CHANGED,)
            await work.events.append(*(Event(kind, subject or some_id(), self.clock(), {}) for kind in kinds))
            await work.commit()
        return [each.position.cursor for each in self.storage.rows.events[-len(kinds) :]]

    async def send(self, message: Message) -> ReceiverAnswer:
        self.sent.append(message)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        barrier = self.barrier if self.slow in message.url else None
        await (barrier.wait() if barrier else asyncio.sleep(0))
        self.at_once -= 1
        return self.answers(message)

    def deliver(self, timing: DeliveryTiming = TIMING, events: Any = None, jitter: float = 0.5) -> DeliverEvents:
        return DeliverEvents(
            self.due,
            events or self.events,
            self.storage.begin,
            self.send,
            PlainSeal(),
            timing,
            self.observed,
            lambda: (self.clock() - NOON).total_seconds(),
            lambda: jitter,
        )

    async def claim(self) -> Sequence[DeliveryClaim]:
        return await self.due.claim(TIMING.lease, 10)

    async def work(self, **options: Any) -> list[str]:
        """Serve all that is due, and return the ids that were sent meanwhile."""
        before = len(self.sent)
        while claims := await self.claim():
            for claim in claims:
                await self.deliver(**options)(claim)
        return [message.event_id for message in self.sent[before:]]

    async def webhook(self) -> Webhook:
        (state,) = await self.reader.list()
        return state.webhook

    async def log(self) -> list[tuple[str, AttemptOutcome, int | None]]:
        """Return the attempts in the order of their events."""
        found, _ = await self.reader.deliveries((await self.webhook()).id, None, 1_000)
        return sorted((each.event_id, each.outcome, each.status) for each in found)
