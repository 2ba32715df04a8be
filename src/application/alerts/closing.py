"""The end of watches that are not evaluated any more, and the events of transitions."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from application.alerts.repositories import Watch
from application.unit_of_work import UnitOfWork
from domain.alerts.alert import ResolvedBy, Transition, closed
from domain.alerts.alert_event import alert_changed
from domain.event import Event

CLOSED_AT_ONCE = 1_000
"""States that one unit of work ends; the housekeeping ends the others."""


async def close_product(work: UnitOfWork, product_id: UUID, at: datetime) -> None:
    """Resolve the alerts that fire for a product which this unit of work has removed."""
    await close(work, await work.alert_states.take_of_product(product_id), at, ResolvedBy.PRODUCT_WITHDRAWN)


async def close_alert(work: UnitOfWork, alert_id: UUID, at: datetime, reason: ResolvedBy) -> None:
    """Resolve the firings of an alert that this unit of work has disabled or removed."""
    await close(work, await work.alert_states.take_of_alert(alert_id, CLOSED_AT_ONCE), at, reason)


async def close(work: UnitOfWork, taken: Sequence[Watch], at: datetime, reason: ResolvedBy) -> None:
    """Resolve the taken watches that fire, for this reason."""
    resolved = [(watch, each) for watch in taken for each in closed(watch.state, watch.rule, at, reason)]
    if resolved:
        await work.alert_states.record(resolved)
        await work.events.append(*(event for watch, each in resolved for event in events_of(watch, [each])))


def events_of(watch: Watch, transitions: Iterable[Transition]) -> list[Event]:
    """Return the events of those transitions that are not suppressed."""
    told = (each for each in transitions if not each.suppressed)
    return [alert_changed(watch.alert_id, watch.name, watch.product_id, each) for each in told]
