"""Alerts over random histories: cut anywhere they give the same, and live facts agree with the later history."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from domain.alerts.alert import INITIAL, Rule, Transition, TransitionKind, step, steps
from domain.alerts.condition import Condition, ConditionKind, Fact, PriceExtreme, PriceMove, PricesBefore
from domain.alerts.facts import facts_of_stretches, facts_of_window
from domain.offer import ObservedOffers, Offer
from domain.prices.history import tiled
from domain.prices.price import PriceInForce, PriceState, PriceStep, price_state
from domain.synchronisation import Observation
from domain.window import MICROSECOND, Window
from fakes.alerts import price_of
from fakes.offers_gateway import observed
from specification.price_sums import open_step, summarized
from storages.random_alerts import conditions, lengths
from storages.random_histories import OFFERS, SECOND, History, polls

START = datetime(2026, 3, 14, 23, 50, tzinfo=UTC)
Polls = Sequence[tuple[int, ObservedOffers, int]]
LONG_AGO = START - timedelta(days=40)


class Watched(History):
    """A history that an alert watches from the start on, as the worker does."""

    def watch(self, rule: Rule, polls: Polls) -> Iterator[tuple[datetime, tuple[Transition, ...]]]:
        state, at = INITIAL, START
        for pause, answer, interval in polls:
            at += timedelta(microseconds=pause)
            observation = self.state.observe(list(self.offers.values()), answer, at, interval * SECOND)
            self.offers.update((offer.id, offer) for offer in observation.changed)
            self.steps += observation.steps
            facts = facts_of_stretches(
                observation.shown.stretches if observation.shown else [],
                rule.when,
                self.recorded(at + MICROSECOND),
                self.before(rule.when, observation),
            )
            state, transitions = steps(state, rule, facts)
            yield at, transitions

    def recorded(self, until: datetime) -> list[PriceStep]:
        assert self.state.best is not None
        assert self.state.known_until is not None
        return tiled([*self.steps, open_step(self.state.best, self.state.known_until)], Window(LONG_AGO, until))

    def before(self, when: Condition, observation: Observation) -> PricesBefore | None:
        if not isinstance(when, PriceExtreme) or observation.event is None or observation.shown is None:
            return None
        found = summarized(tiled(self.steps, Window(observation.shown.at - when.period, observation.shown.at)))
        extreme = found.lowest if when.kind is ConditionKind.NEW_LOW else found.highest
        return PricesBefore(price_of(extreme), found.known)


@given(polls, conditions, lengths, lengths, st.integers(-(10**9), 10**9))
def test_live_transitions_are_those_of_the_history(
    polls: Polls, when: Condition, hold: timedelta, cooldown: timedelta, offset: int
) -> None:
    history = Watched()
    rule = Rule(when, hold, cooldown, START + timedelta(microseconds=offset))
    live: tuple[Transition, ...] = ()
    at = START
    for at, transitions in history.watch(rule, polls):
        assert all(each.at <= at for each in transitions)
        live += transitions
    if at < rule.since:
        assert live == ()
        return
    window = Window(rule.since, at + MICROSECOND)
    facts = list(facts_of_window(history.recorded(window.end), when, window))
    assert steps(INITIAL, rule, facts)[1] == live
    assert_once_per_episode(live, facts)


def test_time_that_an_observation_has_told_about_is_not_told_again() -> None:
    drop = Rule(PriceMove(ConditionKind.DROP, Decimal(10), 30 * SECOND), timedelta(0), timedelta(0), START)
    same = [(60 * 10**6, observed(Offer(OFFERS[0], price, 1)), 60) for price in (100, 80, 80, 80)]
    told = [[(each.kind, each.at) for each in transitions] for _, transitions in Watched().watch(drop, same)]
    fell = START + 120 * SECOND
    assert told == [
        [],
        [(TransitionKind.FIRING, fell)],
        [(TransitionKind.RESOLVED, fell + 30 * SECOND)],
        [],
    ]


@given(
    st.lists(st.tuples(st.sampled_from([None, "unknown", 1, 2, 3, 4]), st.integers(1, 3)), min_size=1, max_size=30),
    st.sampled_from([ConditionKind.NEW_LOW, ConditionKind.NEW_HIGH]),
    st.integers(1, 8),
)
def test_prices_are_judged_by_the_period_before_them(
    shown: Sequence[tuple[int | str | None, int]], kind: ConditionKind, period: int
) -> None:
    recorded, at = list[PriceStep](), START
    for price, length in shown:
        state = PriceState.UNKNOWN if isinstance(price, str) else price_state(price)
        recorded.append(PriceStep(state, None if isinstance(price, str) else price, at, at + length * SECOND))
        at += length * SECOND
    when = PriceExtreme(kind, period * SECOND)
    last = None
    for fact in facts_of_window(recorded, when, Window(START, at)):
        if fact.in_force.state is PriceState.UNKNOWN or fact.in_force == last:
            assert fact.before is None
            continue
        before = summarized(tiled(recorded, Window(fact.start - when.period, fact.start)))
        extreme = before.lowest if kind is ConditionKind.NEW_LOW else before.highest
        assert fact.before == PricesBefore(price_of(extreme), before.known)
        last = fact.in_force


def assert_once_per_episode(transitions: Sequence[Transition], facts: Sequence[Fact]) -> None:
    kinds = [each.kind for each in transitions]
    assert kinds == [TransitionKind.FIRING, TransitionKind.RESOLVED] * (len(kinds) // 2) + [TransitionKind.FIRING] * (
        len(kinds) % 2
    )
    assert all(one.at <= next_one.at for one, next_one in pairwise(transitions))
    known = [each for each in facts if each.in_force.state is not PriceState.UNKNOWN]
    for each in transitions:
        assert any(fact.start <= each.at < fact.end for fact in known)


@given(polls, conditions, lengths, lengths, st.lists(st.floats(0, 1), max_size=5))
def test_facts_may_be_cut_anywhere_and_states_stored_in_between(
    polls: Polls, when: Condition, hold: timedelta, cooldown: timedelta, cuts: Sequence[float]
) -> None:
    history = History.of(START, polls)
    end = history.state.known_until
    assert history.state.best is not None
    assert end is not None
    window = Window(START, max(end, START + MICROSECOND))
    recorded = [*history.steps, open_step(history.state.best, end)]
    facts = list(facts_of_window(recorded, when, window))
    rule = Rule(when, hold, cooldown, window.start)
    whole = steps(INITIAL, rule, facts)
    assert steps(INITIAL, rule, [piece for fact in facts for piece in cut(fact, cuts)]) == whole
    # A moment says nothing that the stretch from it on does not say again.
    moments = [each for fact in facts for each in (moment(fact), fact)]
    assert steps(INITIAL, rule, moments) == whole


def cut(fact: Fact, cuts: Sequence[float]) -> Iterator[Fact]:
    bounds = sorted({fact.start, *(fact.start + (fact.end - fact.start) * each for each in cuts), fact.end})
    for number, (start, end) in enumerate(pairwise(bounds)):
        yield Fact(start, end, fact.in_force, fact.percent, None if number else fact.before)


def moment(fact: Fact) -> Fact:
    return Fact(fact.start, fact.start, fact.in_force, fact.percent, fact.before)


@given(polls, conditions, lengths, st.integers(1, 10**12))
def test_a_gap_only_puts_off_what_follows(polls: Polls, when: Condition, hold: timedelta, gap: int) -> None:
    history = History.of(START, polls)
    assert history.state.best is not None
    assert history.state.known_until is not None
    window = Window(START, START + timedelta(days=1))
    facts = list(
        facts_of_window([*history.steps, open_step(history.state.best, history.state.known_until)], when, window)
    )
    rule = Rule(when, hold, hold, START)
    later = timedelta(microseconds=gap)
    for number in range(len(facts)):
        state, _ = steps(INITIAL, rule, facts[:number])
        frozen, nothing = step(state, rule, unknown(facts[number].start, later))
        assert (frozen.phase, frozen.since, nothing) == (state.phase, state.since, ())
        rest = [replace(each, start=each.start + later, end=each.end + later) for each in facts[number:]]
        moved = steps(frozen, rule, rest)[1]
        usual = steps(state, rule, facts[number:])[1]
        assert [each.at - later for each in moved] == [each.at for each in usual]
        assert [(each.kind, each.suppressed) for each in moved] == [(each.kind, each.suppressed) for each in usual]


def unknown(start: datetime, length: timedelta) -> Fact:
    return Fact(start, start + length, PriceInForce(PriceState.UNKNOWN, None))
