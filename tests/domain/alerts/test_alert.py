"""Alerts: when they fire and resolve, fact by fact."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from domain.alerts.alert import (
    INITIAL,
    AlertState,
    Phase,
    ResolvedBy,
    Rule,
    Transition,
    TransitionKind,
    closed,
    restarted,
    step,
    steps,
)
from domain.alerts.condition import (
    Condition,
    ConditionKind,
    Fact,
    PriceExtreme,
    PriceMove,
    PricesBefore,
    PriceThreshold,
    Stock,
)
from domain.errors import InvalidAlert
from domain.prices.change import price_change
from domain.prices.price import PriceInForce, PriceState

AT = datetime(2026, 3, 14, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOTHING = timedelta(0)
UNKNOWN = "unknown"
Shown = int | None | str
CHEAP = PriceThreshold(ConditionKind.PRICE_BELOW, 100)


def in_force(shown: Shown) -> PriceInForce:
    if isinstance(shown, str):
        return PriceInForce(PriceState.UNKNOWN, None)
    return PriceInForce(PriceState.OUT_OF_STOCK if shown is None else PriceState.IN_STOCK, shown)


def minutes(*shown: tuple[Shown, int]) -> list[Fact]:
    """Return facts that follow each other, each of a price and so many minutes."""
    facts, at = [], AT
    for price, length in shown:
        facts.append(Fact(at, at + length * MINUTE, in_force(price)))
        at += length * MINUTE
    return facts


def rule(when: Condition = CHEAP, hold: timedelta = NOTHING, cooldown: timedelta = NOTHING) -> Rule:
    return Rule(when, hold, cooldown, AT)


def told(transitions: Sequence[Transition]) -> list[tuple[str, float]]:
    """Return the transitions and their minutes; suppressed ones in brackets."""
    return [(f"({each.kind})" if each.suppressed else each.kind, (each.at - AT) / MINUTE) for each in transitions]


def run(facts: Sequence[Fact], under: Rule) -> list[tuple[str, float]]:
    return told(steps(INITIAL, under, facts)[1])


def test_it_fires_once_per_episode_and_resolves() -> None:
    facts = minutes((120, 5), (99, 5), (50, 5), (99, 5), (101, 5), (99, 5))
    assert run(facts, rule()) == [("firing", 5), ("resolved", 20), ("firing", 25)]


def test_hysteresis_keeps_it_firing_until_the_price_is_above() -> None:
    facts = minutes((99, 5), (100, 5), (110, 5), (111, 5), (105, 5), (99, 5))
    assert run(facts, rule(PriceThreshold(ConditionKind.PRICE_BELOW, 100, 110))) == [
        ("firing", 0),
        ("resolved", 15),
        ("firing", 25),
    ]
    assert run(facts, rule()) == [("firing", 0), ("resolved", 10), ("firing", 25)]
    above = PriceThreshold(ConditionKind.PRICE_ABOVE, 105, 100)
    assert run(facts, rule(above)) == [("firing", 10), ("resolved", 25)]


def test_the_threshold_itself_does_not_fire_and_what_is_pending_has_no_hysteresis() -> None:
    both = [PriceThreshold(ConditionKind.PRICE_BELOW, 100, 110), PriceThreshold(ConditionKind.PRICE_ABOVE, 100, 90)]
    for when in both:
        assert run(minutes((100, 5)), rule(when)) == []
    facts = minutes((99, 5), (100, 5), (99, 9), (100, 5))
    assert run(facts, rule(both[0], hold=10 * MINUTE)) == []


def test_nobody_in_stock_is_no_price_at_all() -> None:
    facts = minutes((99, 5), (None, 5), (99, 5))
    assert run(facts, rule()) == [("firing", 0), ("resolved", 5), ("firing", 10)]
    assert run(facts, rule(Stock(ConditionKind.OUT_OF_STOCK))) == [("firing", 5), ("resolved", 10)]
    assert run(facts, rule(Stock(ConditionKind.IN_STOCK))) == [("firing", 0), ("resolved", 5), ("firing", 10)]


def test_it_waits_for_as_long_as_the_condition_must_hold_without_a_break() -> None:
    facts = minutes((99, 9), (101, 1), (99, 4), (98, 8), (120, 1))
    ten = rule(hold=10 * MINUTE)
    _, (fired, resolved) = steps(INITIAL, ten, facts)
    assert fired == Transition(TransitionKind.FIRING, AT + 20 * MINUTE, AT + 10 * MINUTE, 98, 100, suppressed=False)
    assert resolved == Transition(
        TransitionKind.RESOLVED,
        AT + 22 * MINUTE,
        AT + 10 * MINUTE,
        120,
        100,
        suppressed=False,
        reason=ResolvedBy.CONDITION,
    )


def test_what_held_for_exactly_so_long_fires_only_if_it_still_holds() -> None:
    assert run(minutes((99, 10), (101, 1)), rule(hold=10 * MINUTE)) == []
    assert run(minutes((99, 10), (98, 1)), rule(hold=10 * MINUTE)) == [("firing", 10)]


def test_unknown_time_freezes_everything() -> None:
    facts = minutes((99, 4), (UNKNOWN, 60), (99, 7), (UNKNOWN, 60), (101, 1))
    assert run(facts, rule(hold=10 * MINUTE)) == [("firing", 70), ("resolved", 131)]
    broken = minutes((99, 4), (UNKNOWN, 60), (101, 1), (99, 7))
    assert run(broken, rule(hold=10 * MINUTE)) == []


def test_a_firing_within_the_cooldown_is_suppressed_with_its_end() -> None:
    facts = minutes((99, 1), (101, 1), (99, 1), (101, 1), (99, 1), (101, 1))
    assert run(facts, rule(cooldown=4 * MINUTE)) == [
        ("firing", 0),
        ("resolved", 1),
        ("(firing)", 2),
        ("(resolved)", 3),
        ("firing", 4),
        ("resolved", 5),
    ]


def test_a_cooldown_begins_with_the_firing() -> None:
    facts = minutes((99, 2), (101, 1), (99, 2), (101, 1), (99, 2))
    assert run(facts, rule(hold=MINUTE, cooldown=4 * MINUTE)) == [
        ("firing", 1),
        ("resolved", 2),
        ("(firing)", 4),
        ("(resolved)", 5),
        ("firing", 7),
    ]
    assert step(INITIAL, rule(), minutes((99, 1))[0])[0] == AlertState(Phase.FIRING, AT)


def test_a_cooldown_that_has_passed_changes_no_more() -> None:
    (gap,) = minutes((UNKNOWN, 60))
    for passed in (AT, AT - MINUTE):
        state = AlertState(quiet_until=passed)
        assert step(state, rule(cooldown=MINUTE), gap) == (state, ())


def test_a_cooldown_does_not_pass_while_the_price_is_unknown() -> None:
    facts = minutes((99, 1), (UNKNOWN, 60), (101, 1), (99, 1), (101, 2), (99, 1))
    assert run(facts, rule(cooldown=4 * MINUTE))[2:] == [("(firing)", 62), ("(resolved)", 63), ("firing", 65)]


def moved(*shown: tuple[Shown, Shown]) -> list[Fact]:
    """Return facts of a minute each, of the price and the one a period before."""
    facts = []
    for number, (price, earlier) in enumerate(shown):
        change = price_change(in_force(earlier), in_force(price))
        facts.append(Fact(AT + number * MINUTE, AT + (number + 1) * MINUTE, in_force(price), change.percent))
    return facts


def test_a_drop_and_a_rise_are_changes_over_the_period() -> None:
    facts = moved((91, 100), (90, 100), (89, 98), (89, UNKNOWN), (None, 100), (89, None), (89, 100), (100, 89))
    drop = rule(PriceMove(ConditionKind.DROP, Decimal(10), DAY))
    assert run(facts, drop) == [("firing", 1), ("resolved", 2), ("firing", 6), ("resolved", 7)]
    (fired, *_) = steps(INITIAL, drop, facts)[1]
    assert (fired.value, fired.threshold) == (Decimal("-10.00"), Decimal(-10))
    rise = rule(PriceMove(ConditionKind.RISE, Decimal("12.36"), DAY))
    (fired,) = steps(INITIAL, rise, facts)[1]
    assert ((fired.at - AT) / MINUTE, fired.value, fired.threshold) == (7, Decimal("12.36"), Decimal("12.36"))


def test_a_drop_ends_when_nobody_has_the_product() -> None:
    facts = moved((90, 100), (None, 100))
    assert run(facts, rule(PriceMove(ConditionKind.DROP, Decimal(10), DAY))) == [("firing", 0), ("resolved", 1)]


def test_a_change_that_nobody_can_tell_resolves_nothing() -> None:
    facts = moved((90, 100), (90, UNKNOWN), (90, None), (90, 0), (90, 100), (90, 90))
    assert run(facts, rule(PriceMove(ConditionKind.DROP, Decimal(10), DAY))) == [("firing", 0), ("resolved", 5)]


def came(price: Shown, minute: int, before: tuple[int | None, float] | None) -> Fact:
    """Return the fact of a price that came into force, and what share of the day before is known."""
    seen = before and PricesBefore(before[0], int(before[1] * DAY.total_seconds() * 10**6))
    return Fact(AT + minute * MINUTE, AT + (minute + 1) * MINUTE, in_force(price), before=seen)


def test_a_new_low_is_below_all_that_is_known_of_the_period() -> None:
    low = rule(PriceExtreme(ConditionKind.NEW_LOW, DAY))
    facts = [
        came(90, 0, None),
        came(89, 1, (90, 0.49)),
        came(88, 2, (89, 0.5)),
        came(88, 3, None),
        came(87, 4, (88, 1)),
        came(87, 5, (87, 1)),
        came(None, 6, (87, 1)),
        came(86, 7, (None, 1)),
        came(85, 8, (86, 1)),
        came(UNKNOWN, 9, None),
        came(85, 10, None),
        came(None, 11, None),
    ]
    assert run(facts, low) == [("firing", 2), ("resolved", 5), ("firing", 8), ("resolved", 11)]
    high = rule(PriceExtreme(ConditionKind.NEW_HIGH, DAY))
    assert run([came(91, 0, (91, 1)), came(92, 1, (91, 1)), came(91, 2, (92, 1))], high) == [
        ("firing", 1),
        ("resolved", 2),
    ]


def test_only_the_time_since_the_rules_start_counts() -> None:
    facts = [Fact(AT - DAY, AT - HOUR, in_force(99)), Fact(AT - HOUR, AT + HOUR, in_force(98))]
    assert run(facts, rule(hold=10 * MINUTE)) == [("firing", 10)]
    assert run([Fact(AT - HOUR, AT, in_force(99))], rule()) == []
    low = Fact(AT - HOUR, AT + HOUR, in_force(98), before=PricesBefore(99, 10**15))
    assert run([low], rule(PriceExtreme(ConditionKind.NEW_LOW, DAY))) == []


def test_an_edited_rule_starts_what_was_pending_again_and_lets_what_fires_go_on() -> None:
    pending, _ = step(INITIAL, rule(hold=HOUR), minutes((99, 50))[0])
    assert pending.phase is Phase.PENDING
    edited = Rule(CHEAP, HOUR, NOTHING, AT + 50 * MINUTE)
    fact = Fact(AT + 50 * MINUTE, AT + 200 * MINUTE, in_force(99))
    assert told(step(restarted(pending), edited, fact)[1]) == [("firing", 110)]
    firing, _ = step(INITIAL, rule(), minutes((99, 50))[0])
    assert step(restarted(firing), edited, fact) == (firing, ())


def test_what_fires_is_resolved_when_the_product_or_the_alert_is_gone() -> None:
    firing, _ = step(INITIAL, rule(), minutes((99, 50))[0])
    (resolved,) = closed(firing, rule(), AT + HOUR, ResolvedBy.PRODUCT_WITHDRAWN)
    assert (resolved.kind, resolved.at, resolved.reason) == (
        TransitionKind.RESOLVED,
        AT + HOUR,
        ResolvedBy.PRODUCT_WITHDRAWN,
    )
    # The storage's clock may be behind that of the worker that has observed it.
    (early,) = closed(firing, rule(), AT - HOUR, ResolvedBy.PRODUCT_WITHDRAWN)
    assert early.at == AT
    pending, _ = step(INITIAL, rule(hold=HOUR), minutes((99, 50))[0])
    for quiet in (INITIAL, pending, AlertState(quiet_until=AT)):
        assert closed(quiet, rule(), AT + HOUR, ResolvedBy.ALERT_DELETED) == ()


WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: PriceThreshold(ConditionKind.PRICE_BELOW, -1), "when"),
    (lambda: PriceThreshold(ConditionKind.PRICE_BELOW, 2**63), "when"),
    (lambda: PriceThreshold(ConditionKind.PRICE_BELOW, 100, 99), "when"),
    (lambda: PriceThreshold(ConditionKind.PRICE_ABOVE, 100, 101), "when"),
    (lambda: PriceMove(ConditionKind.DROP, Decimal(0), DAY), "when"),
    (lambda: PriceMove(ConditionKind.DROP, Decimal("0.001"), DAY), "when"),
    (lambda: PriceMove(ConditionKind.RISE, Decimal("NaN"), DAY), "when"),
    (lambda: PriceMove(ConditionKind.RISE, Decimal(1), NOTHING), "when"),
    (lambda: PriceExtreme(ConditionKind.NEW_LOW, 31 * DAY), "when"),
    (lambda: rule(hold=-MINUTE), "for"),
    (lambda: rule(cooldown=366 * DAY), "cooldown"),
]


def test_an_alert_that_cannot_be_is_refused() -> None:
    for make, field in WRONG:
        with pytest.raises(InvalidAlert) as refusal:
            make()
        assert refusal.value.field == field


def test_the_most_that_an_alert_may_be() -> None:
    rule(PriceMove(ConditionKind.RISE, Decimal(1_000_000), 30 * DAY), hold=30 * DAY, cooldown=365 * DAY)
    for price in (0, 2**63 - 1):
        rule(PriceThreshold(ConditionKind.PRICE_BELOW, price, price))
