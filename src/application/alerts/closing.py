"""The end of watches that are not evaluated any more, and the events of transitions."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from application.alerts.repositories import Watch
from application.unit_of_work import UnitOfWork
from domain.alert import ResolvedBy, Transition, closed
from domain.event import Event, alert_changed


async def close(work: UnitOfWork, taken: Sequence[Watch], at: datetime, reason: ResolvedBy) -> None:
    """Resolve those of the taken watches that fire, and say why."""
    resolved = [(watch, each) for watch in taken for each in closed(watch.state, watch.rule, at, reason)]
    if resolved:
        await work.alert_states.record(resolved)
        await work.events.append(*(event for watch, each in resolved for event in events_of(watch, [each])))


def events_of(watch: Watch, transitions: Iterable[Transition]) -> list[Event]:
    """Return the events of those transitions that are not suppressed."""
    told = (each for each in transitions if not each.suppressed)
    return [alert_changed(watch.alert_id, watch.name, watch.product_id, each) for each in told]
