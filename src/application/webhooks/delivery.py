"""One round of deliveries to one webhook: events that wait for another attempt, and the next ones of the log."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, zip_longest
from typing import Protocol

from application.events.event_log import EventPage, EventReader, EventsExpired, Position, RecordedEvent
from application.unit_of_work import BeginWork
from application.webhooks.attempts import (
    GONE,
    AttemptOutcome,
    Delivery,
    ReceiverAnswer,
    WaitingEvent,
    next_attempt,
)
from application.webhooks.ports import DeliveryClaim, DueWebhooks, Message, SecretSeal, WebhookSender
from application.webhooks.webhook import Webhook
from domain.event import webhook_disabled

REASON_GONE = "The receiver answered 410 Gone."
REASON_FAILED = "Every attempt has failed for five days."
SEALED_OTHERWISE = "the secret cannot be read since OFFERS_REFRESH_TOKEN was replaced: rotate it"


@dataclass(frozen=True, slots=True)
class DeliveryTiming:
    """Durations and sizes of deliveries; the order that must hold is in entrypoints/limit_order.py."""

    tick: float = 1.0
    """Seconds between two looks for due webhooks."""
    calls: int = 64
    """Calls of one worker at once."""
    calls_each: int = 8
    """Calls to one webhook at once; one that has just failed is called one at a time."""
    events: int = 200
    """Events of the log, and events that wait, in one round."""
    beginning: float = 5.0
    """Seconds for which a round begins calls."""
    lease: timedelta = timedelta(seconds=45)
    """How long a round excludes other workers."""
    most_waiting: int = 1_000
    """Events that may wait for another attempt. With so many the position waits too, at the first event that fails."""
    probe: timedelta = timedelta(minutes=1)
    """From one attempt for the event at which the position waits to the next."""


class DeliveryObserver(Protocol):
    """Told of deliveries; it must not wait."""

    def attempted(self, answer: ReceiverAnswer, seconds: float) -> None:
        """Note an attempt."""

    def disabled(self, webhook: Webhook, reason: str) -> None:
        """Note that a webhook was given up."""

    def skipped(self, webhook: Webhook, oldest: Position) -> None:
        """Note that events were no longer kept when they were to be sent."""


@dataclass(slots=True)
class _Attempt:
    event: RecordedEvent | WaitingEvent
    at: datetime
    answer: ReceiverAnswer
    seconds: float

    @property
    def number(self) -> int:
        return 1 + (self.event.attempts if isinstance(self.event, WaitingEvent) else 0)


@dataclass(slots=True)
class _Round:
    """What became of a round so far; `position` is where the webhook stands after it."""

    position: Position
    attempts: list[_Attempt] = field(default_factory=list)
    begun: int = 0
    """Events of the log whose attempt was begun."""
    stopped: bool = False
    """Whether the receiver wants no more calls now."""
    expired: EventsExpired | None = None


@dataclass(frozen=True, slots=True)
class DeliverEvents:
    """Send what is due to a claimed webhook; `now` is a monotonic clock in seconds, `jitter` a number in [0, 1).

    Times are the storage's: this process's own clock may be wrong.
    """

    due: DueWebhooks
    events: EventReader
    begin: BeginWork
    send: WebhookSender
    seal: SecretSeal
    timing: DeliveryTiming
    observe: DeliveryObserver
    now: Callable[[], float]
    jitter: Callable[[], float]

    async def __call__(self, claim: DeliveryClaim, stopping: Callable[[], bool] = lambda: False) -> bool:
        """Return whether there may be more to send at once. While `stopping` returns true, no call is begun.

        A process that is killed before the end sends the same events again, with the same ids, once the lease ends.

        Raises:
            StorageUnavailable: the round may not be recorded; then its events are sent again in the same way.
        """
        began, webhook = self.now(), claim.webhook
        room = self.timing.most_waiting - claim.waiting
        limit = min(self.timing.events, max(1, room))
        waiting = await self.due.due_events(webhook.id, self.timing.events)
        done = _Round(webhook.position)
        try:
            page = await self.events.read(webhook.position, webhook.wanted, limit)
        except EventsExpired as error:
            done.expired, page = error, EventPage((), error.oldest, caught_up=False)
            self.observe.skipped(webhook, error.oldest)
        turns = iter(_in_turns(_others(waiting, page.events), page.events))

        def may_begin() -> bool:
            return not (done.stopped or stopping()) and self.now() - began < self.timing.beginning

        async def call_one_after_another() -> None:
            while may_begin() and (event := next(turns, None)) is not None:
                done.begun += isinstance(event, RecordedEvent)
                attempt = await self._attempt(claim, event, began)
                done.attempts.append(attempt)
                done.stopped |= attempt.answer.status == GONE or attempt.answer.wait(attempt.at) is not None

        async with asyncio.TaskGroup() as calls:
            for _ in range(self.width(claim)):
                calls.create_task(call_one_after_another())
        complete = done.begun == len(page.events)
        if complete:
            done.position = page.searched
        elif done.begun:
            done.position = page.events[done.begun - 1].position
        await self._record(claim, done, full=room <= 0, at=self._time(claim, began))
        return not (complete and page.caught_up) or len(waiting) == self.timing.events

    def width(self, claim: DeliveryClaim) -> int:
        """Return how many calls of a round go at once: a receiver in trouble gets one at a time."""
        return self.timing.calls_each if claim.webhook.failures == 0 else 1

    async def _attempt(self, claim: DeliveryClaim, event: RecordedEvent | WaitingEvent, began: float) -> _Attempt:
        webhook, at, sent = claim.webhook, self._time(claim, began), self.now()
        opened = [self.seal.open(webhook.id, sealed) for sealed in webhook.secrets(at)]
        if opened[0] is None:
            return _Attempt(event, at, ReceiverAnswer(None, SEALED_OTHERWISE), 0.0)
        secrets = [secret for secret in opened if secret is not None]
        body = event.body if isinstance(event, WaitingEvent) else event.json
        answer = await self.send(Message(webhook.url, _id(event), body, at, secrets))
        seconds = self.now() - sent
        self.observe.attempted(answer, seconds)
        return _Attempt(event, at, answer, seconds)

    async def _record(self, claim: DeliveryClaim, done: _Round, *, full: bool, at: datetime) -> None:
        async with self.begin() as work:
            webhook = await work.webhooks.hold(claim.lease_id, claim.webhook.id)
            if webhook is None:
                return  # deleted, or taken over by another worker
            delivered = [_id(each.event) for each in done.attempts if each.answer.success]
            failed = [each for each in done.attempts if not each.answer.success]
            held_up = full and any(isinstance(each.event, RecordedEvent) for each in failed)
            retries = [retry for each in failed if (retry := self._retry(each, held_up=held_up)) is not None]
            # Where it stands otherwise, an admin has put it there meanwhile.
            if webhook.position == claim.webhook.position and not held_up:
                webhook.position = done.position
            again = {retry.id: retry.next_attempt_at for retry in retries}
            given_up = [_id(each.event) for each in failed if _id(each.event) not in again]
            await work.webhooks.settle(webhook.id, delivered + given_up)
            await work.webhooks.wait(webhook.id, *retries)
            entries = [_logged(each, again.get(_id(each.event))) for each in done.attempts]
            await work.webhooks.log(webhook.id, *_skipped(claim, done), *entries)
            self._note(webhook, done, held_up=held_up, at=at)
            reason = _reason_to_disable(webhook, done, at)
            if webhook.enabled and reason is not None:
                webhook.disable(reason)
                await work.events.append(webhook_disabled(webhook.id, webhook.url, reason, at))
            await work.webhooks.save(webhook)
            await work.webhooks.release(webhook)
            await work.commit()
        if webhook.disabled_reason == reason and reason is not None:
            self.observe.disabled(webhook, reason)

    def _retry(self, attempt: _Attempt, *, held_up: bool) -> WaitingEvent | None:
        """Return the event as it waits for its next attempt, None if it does not."""
        event = attempt.event
        # The position waits at a new event for which there is no room.
        if event.is_ping if isinstance(event, WaitingEvent) else held_up:
            return None
        ended = attempt.at + timedelta(seconds=attempt.seconds)
        at = next_attempt(attempt.number, ended, attempt.answer.wait(ended), self.jitter)
        body = event.body if isinstance(event, WaitingEvent) else event.json
        return None if at is None else WaitingEvent(_id(event), str(event.type), body, attempt.number, at)

    def _note(self, webhook: Webhook, done: _Round, *, held_up: bool, at: datetime) -> None:
        for attempt in done.attempts:
            if attempt.answer.success:
                webhook.succeeded()
            else:
                webhook.failed(attempt.at)
        # A wait that the receiver asks for is one for all events.
        waits = [at + wait for each in done.attempts if (wait := each.answer.wait(at)) is not None]
        webhook.not_before = max([*waits, *([at + self.timing.probe] if held_up else [])], default=None)

    def _time(self, claim: DeliveryClaim, began: float) -> datetime:
        return claim.at + timedelta(seconds=self.now() - began)


def _others(waiting: Sequence[WaitingEvent], events: Sequence[RecordedEvent]) -> Sequence[WaitingEvent]:
    """Leave out what is on the page too, as after a replay: one round tries an event once."""
    ids = {_id(each) for each in events}
    return [each for each in waiting if each.id not in ids]


def _in_turns(
    waiting: Sequence[WaitingEvent], events: Sequence[RecordedEvent]
) -> Iterator[RecordedEvent | WaitingEvent]:
    """Let neither kind wait behind the other."""
    pairs: Iterable[tuple[RecordedEvent | WaitingEvent | None, ...]] = zip_longest(events, waiting)
    return (each for each in chain.from_iterable(pairs) if each is not None)


def _id(event: RecordedEvent | WaitingEvent) -> str:
    return event.id if isinstance(event, WaitingEvent) else event.position.cursor


def _logged(attempt: _Attempt, next_attempt_at: datetime | None) -> Delivery:
    answer = attempt.answer
    return Delivery(
        event_id=_id(attempt.event),
        type=str(attempt.event.type),
        at=attempt.at,
        number=attempt.number,
        outcome=AttemptOutcome.DELIVERED if answer.success else AttemptOutcome.FAILED,
        status=answer.status,
        error=answer.error,
        answer=answer.text,
        milliseconds=round(attempt.seconds * 1_000),
        next_attempt_at=next_attempt_at,
    )


def _skipped(claim: DeliveryClaim, done: _Round) -> Iterator[Delivery]:
    if done.expired is not None:
        position, oldest = claim.webhook.position.cursor, done.expired.oldest.cursor
        error = f"events from here to {oldest} are no longer kept (EVENTS_DAYS) and were not sent"
        yield Delivery(position, "", claim.at, 0, AttemptOutcome.SKIPPED, None, error, "", 0, None)


def _reason_to_disable(webhook: Webhook, done: _Round, at: datetime) -> str | None:
    if any(attempt.answer.status == GONE for attempt in done.attempts):
        return REASON_GONE
    if webhook.failures and done.attempts and webhook.only_failed_too_long(at):
        return REASON_FAILED
    return None
