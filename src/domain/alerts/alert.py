"""Alerts: rules over a product's recorded best price, and the one function that decides when they fire and resolve.

Live evaluation and back-tests take the same steps over the same facts. A fact may be cut into shorter ones that follow
each other, and a state may be stored and read again between any two: the transitions stay the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from domain.alerts.condition import Condition, Fact, Value
from domain.errors import InvalidAlert
from domain.prices.price import PriceState

LONGEST_HOLD = timedelta(days=30)
LONGEST_COOLDOWN = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Rule:
    """The alert fires once `when` has been met for `hold` without a break, looking at the time since `since` only.

    A firing less than `cooldown` after the last one that was not suppressed is suppressed.
    """

    when: Condition
    hold: timedelta
    cooldown: timedelta
    since: datetime

    def __post_init__(self) -> None:
        """Refuse durations out of bounds.

        Raises:
            InvalidAlert
        """
        for field, length, longest in (("for", self.hold, LONGEST_HOLD), ("cooldown", self.cooldown, LONGEST_COOLDOWN)):
            if not timedelta(0) <= length <= longest:
                raise InvalidAlert(field, f"The duration must be from 0 to {longest.days} days.")


class Phase(StrEnum):
    """The phases of an alert for one product."""

    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"


@dataclass(frozen=True, slots=True)
class AlertState:
    """The state of an alert for one product.

    `since` is when the condition began to be met. A pending alert fires at `due`; firings before `quiet_until` are
    suppressed. Unknown time puts off both. `suppressed` says that the firing under way has no event.
    """

    phase: Phase = Phase.OK
    since: datetime | None = None
    due: datetime | None = None
    quiet_until: datetime | None = None
    suppressed: bool = False


INITIAL = AlertState()


class TransitionKind(StrEnum):
    """The transitions that are recorded."""

    FIRING = "firing"
    RESOLVED = "resolved"


class ResolvedBy(StrEnum):
    """Why an alert no longer fires."""

    CONDITION = "condition"
    PRODUCT_WITHDRAWN = "product-withdrawn"
    ALERT_DISABLED = "alert-disabled"
    ALERT_DELETED = "alert-deleted"


@dataclass(frozen=True, slots=True)
class Transition:
    """An alert began or ceased to fire. `since` is when the condition began to be met; see AlertState."""

    kind: TransitionKind
    at: datetime
    since: datetime
    value: Value
    threshold: Value
    suppressed: bool
    reason: ResolvedBy | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule with a name; None as `product_ids` stands for all products. `revision` counts how often it started."""

    id: UUID
    name: str
    product_ids: tuple[UUID, ...] | None
    rule: Rule
    enabled: bool
    created_at: datetime
    updated_at: datetime
    revision: int = 1


def step(state: AlertState, rule: Rule, fact: Fact) -> tuple[AlertState, tuple[Transition, ...]]:
    """Take in the fact that follows those taken in so far; return the new state and the transitions to it.

    While the price is unknown, or the condition cannot be judged, nothing fires or resolves, and no time counts.
    """
    if fact.start < rule.since:
        if fact.end <= rule.since:
            return state, ()
        # To a rule, a price that was in force before it began is not a new one.
        fact = replace(fact, start=rule.since, before=None)
    met = None
    if fact.in_force.state is not PriceState.UNKNOWN:
        met = rule.when.met(fact, active=state.phase is not Phase.OK, firing=state.phase is Phase.FIRING)
    if met is None:
        return _put_off(state, fact), ()
    if not met:
        return _cease(state, rule, fact)
    if state.phase is Phase.OK:
        state = replace(state, phase=Phase.PENDING, since=fact.start, due=fact.start + rule.hold)
    return _fire_if_due(state, rule, fact)


def steps(state: AlertState, rule: Rule, facts: Iterable[Fact]) -> tuple[AlertState, tuple[Transition, ...]]:
    """Take in facts that follow each other."""
    found: tuple[Transition, ...] = ()
    for fact in facts:
        state, transitions = step(state, rule, fact)
        found += transitions
    return state, found


def restarted(state: AlertState) -> AlertState:
    """Return the state of an alert whose rule was edited: a pending alert starts again, a firing one goes on."""
    return replace(state, phase=Phase.OK, since=None, due=None) if state.phase is Phase.PENDING else state


def closed(state: AlertState, rule: Rule, at: datetime, reason: ResolvedBy) -> tuple[Transition, ...]:
    """Return the last transition of an alert that is not evaluated for the product any more."""
    if state.phase is not Phase.FIRING or state.since is None:
        return ()
    return (
        Transition(
            TransitionKind.RESOLVED,
            max(at, state.since),
            state.since,
            None,
            rule.when.threshold,
            state.suppressed,
            reason,
        ),
    )


def _put_off(state: AlertState, fact: Fact) -> AlertState:
    unknown = fact.end - fact.start
    due, quiet_until = state.due, state.quiet_until
    return replace(
        state,
        due=due + unknown if due is not None else None,
        quiet_until=quiet_until + unknown if quiet_until is not None and quiet_until > fact.start else quiet_until,
    )


def _cease(state: AlertState, rule: Rule, fact: Fact) -> tuple[AlertState, tuple[Transition, ...]]:
    ended = AlertState(quiet_until=state.quiet_until)
    if state.phase is not Phase.FIRING or state.since is None:
        return ended, ()
    resolved = Transition(
        TransitionKind.RESOLVED,
        fact.start,
        state.since,
        rule.when.value(fact),
        rule.when.threshold,
        state.suppressed,
        ResolvedBy.CONDITION,
    )
    return ended, (resolved,)


def _fire_if_due(state: AlertState, rule: Rule, fact: Fact) -> tuple[AlertState, tuple[Transition, ...]]:
    if state.phase is not Phase.PENDING or state.due is None or state.since is None:
        return state, ()
    at = max(state.due, fact.start)
    # At the end of a stretch it is not known yet whether the condition is still met.
    if at > fact.start and at >= fact.end:
        return state, ()
    suppressed = state.quiet_until is not None and at < state.quiet_until
    fired = Transition(TransitionKind.FIRING, at, state.since, rule.when.value(fact), rule.when.threshold, suppressed)
    quiet_until = state.quiet_until if suppressed else at + rule.cooldown if rule.cooldown else None
    return AlertState(Phase.FIRING, state.since, None, quiet_until, suppressed), (fired,)
