"""The counted firings are those of the alert itself."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.alerts.alert import INITIAL, Rule, TransitionKind, steps
from domain.alerts.condition import ConditionKind, PriceThreshold
from domain.alerts.facts import facts_of_window
from domain.alerts.thresholds import firings_by_threshold
from domain.prices.history import tiled
from domain.prices.price import PriceState, PriceStep, price_state
from domain.window import Window

START = datetime(2026, 3, 14, 12, tzinfo=UTC)
SECOND, NOTHING = timedelta(seconds=1), timedelta(0)


@given(
    st.sampled_from([ConditionKind.PRICE_BELOW, ConditionKind.PRICE_ABOVE]),
    st.lists(st.sampled_from([None, "unknown", 0, 1, 2, 3, 5, 2**63 - 1]), min_size=1, max_size=20),
)
def test_each_price_is_counted_as_the_alert_fires(kind: ConditionKind, shown: Sequence[int | str | None]) -> None:
    recorded = []
    for number, price in enumerate(shown):
        known = None if isinstance(price, str) else price
        state = PriceState.UNKNOWN if isinstance(price, str) else price_state(price)
        recorded.append(PriceStep(state, known, START + number * SECOND, START + (number + 1) * SECOND))
    window = Window(START, START + len(shown) * SECOND)

    def fired(threshold: int) -> int:
        rule = Rule(PriceThreshold(kind, threshold), NOTHING, NOTHING, START)
        transitions = steps(INITIAL, rule, facts_of_window(recorded, rule.when, window))[1]
        return sum(each.kind is TransitionKind.FIRING for each in transitions)

    found = firings_by_threshold(kind, tiled(recorded, window))
    assert found == [(threshold, fired(threshold)) for threshold, _ in found]
    prices = {price for price in shown if isinstance(price, int)}
    beyond = {price + kind.sign for price in prices}
    assert {threshold for threshold, _ in found} == prices | {each for each in beyond if 0 <= each < 2**63}
    assert found == sorted(found, key=lambda each: each[0] * kind.sign)
