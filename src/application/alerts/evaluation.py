"""The evaluation of alerts beside observations, in the unit of work that stores these."""

from collections.abc import Iterable, Sequence

from application.alerts.closing import events_of
from application.alerts.past_prices import read_past_prices
from application.alerts.repositories import WatchChange
from application.unit_of_work import UnitOfWork
from domain.alerts.alert import steps
from domain.alerts.facts import facts_of_stretches
from domain.event import Event
from domain.synchronisation import Observation


async def evaluate_alerts(work: UnitOfWork, observations: Sequence[Observation]) -> list[Event]:
    """Take observations, whose history is recorded, into the alerts that watch their products; return the events.

    Where no alert watches, it costs one look-up.
    """
    if not observations:
        return []
    watches = await work.alert_states.watching([each.product_id for each in observations])
    if not watches:
        return []
    seen = {each.product_id: each.shown for each in observations if each.shown is not None}
    past = await read_past_prices(work.alert_states, watches, observations)
    changes = []
    for watch in watches:
        when = watch.rule.when
        stretches = seen[watch.product_id].stretches
        facts = facts_of_stretches(stretches, when, past.earlier(watch), past.before(watch))
        state, transitions = steps(watch.state, watch.rule, facts)
        if state != watch.state or transitions:
            changes.append(WatchChange(watch, state, transitions))
    stored = await work.alert_states.store(changes) if changes else []
    return [event for change in stored for event in events_of(change.watch, change.transitions)]


def in_order(observations: Iterable[Observation], of_alerts: Sequence[Event]) -> list[Event]:
    """Merge the events of observations and of alerts; those of each product are in the order of their times."""
    events = [each.event for each in observations if each.event]
    return sorted([*events, *of_alerts], key=lambda event: event.time) if of_alerts else events
