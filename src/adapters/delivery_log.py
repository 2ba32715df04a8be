"""Deliveries to webhooks in metrics, and in the log where a person may want to act."""

from collections.abc import Callable

import structlog

from application.events.event_log import Position
from application.webhooks.attempts import ReceiverAnswer
from application.webhooks.webhook import Webhook

log = structlog.get_logger(__name__)


class LoggedDeliveries:
    """See `DeliveryObserver`. No URL is logged: its path may be a secret."""

    def __init__(
        self,
        count_attempt: Callable[[int | None, float], None],
        count_given_up: Callable[[], None],
        count_skip: Callable[[], None],
    ) -> None:
        self._count_attempt = count_attempt
        self._count_given_up = count_given_up
        self._count_skip = count_skip

    def attempted(self, answer: ReceiverAnswer, seconds: float) -> None:
        self._count_attempt(answer.status, seconds)

    def disabled(self, webhook: Webhook, reason: str) -> None:
        self._count_given_up()
        log.warning("webhook disabled", webhook=str(webhook.id), reason=reason)

    def skipped(self, webhook: Webhook, oldest: Position) -> None:
        self._count_skip()
        log.warning("webhook skips events that are no longer kept", webhook=str(webhook.id), oldest=oldest.cursor)
