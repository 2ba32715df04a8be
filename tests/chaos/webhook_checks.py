"""What must hold of deliveries: the receiver has taken each event at least once, none is given up or forgotten."""

from application.events.event_log import Position
from chaos.deployment import Deployment
from chaos.event_consumers import Puller
from chaos.record import Record
from chaos.webhook_receiver import TYPES, Receiver

_LOG = "SELECT generation, transaction, number FROM event WHERE type = ANY(%s) ORDER BY 1, 2, 3"
_WEBHOOK = "SELECT enabled, disabled_reason, failures, generation, transaction, number FROM webhook"
_WAITING = "SELECT event_id FROM webhook_waiting"
_LET_RETRY = "UPDATE webhook_waiting SET next_attempt_at = now() WHERE next_attempt_at > now() RETURNING event_id"
_TRIED = "SELECT outcome, count(*) FROM webhook_delivery GROUP BY outcome"


def let_retry(deployment: Deployment, record: Record) -> None:
    """Let the time pass until the next attempt for each event that waits: it is up to ten hours."""
    record.count("retries brought forward", len(deployment.system.query(_LET_RETRY)))


def owed(deployment: Deployment, receiver: Receiver) -> list[Position]:
    """Return the events of the log that the receiver has not taken."""
    log = (Position(*row) for row in deployment.system.query(_LOG, TYPES))
    return [position for position in log if position not in receiver.seen.events]


def check_webhook(deployment: Deployment, puller: Puller, receiver: Receiver, record: Record) -> None:
    """The receiver has taken all up to where its webhook stands, but for what waits; the workers are stopped before."""
    ((enabled, reason, failures, *position),) = deployment.system.query(_WEBHOOK)
    if not enabled:
        record.violate("a webhook stays enabled", f"{reason}, after {failures} failures")
    waiting = {Position.parse(id) for (id,) in deployment.system.query(_WAITING)}
    lost = [each for each in owed(deployment, receiver) if each <= Position(*position) and each not in waiting]
    if lost:
        record.violate("an event is delivered at least once", f"{len(lost)} are not, first {lost[0].cursor}")
    log = {Position(*row) for row in deployment.system.query(_LOG, TYPES)}
    if strange := receiver.seen.events.keys() - log:
        record.violate("what was delivered is in the log", f"{len(strange)}, first {min(strange).cursor}")
    differ = [
        position for position, json in receiver.seen.events.items() if puller.seen.events.get(position, json) != json
    ]
    if differ:
        record.violate("an event is the same for all", f"{len(differ)} delivered, first {differ[0].cursor}")
    record.count("events delivered", len(receiver.seen.events))
    for outcome, count in deployment.system.query(_TRIED):
        record.count(f"delivery: {outcome}", count)
