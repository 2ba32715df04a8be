"""Random conditions and rules, whose thresholds and periods suit the random histories."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import strategies as st

from domain.alerts.condition import Condition, ConditionKind, PriceExtreme, PriceMove, PriceThreshold, Stock

_prices = st.one_of(st.integers(0, 4), st.sampled_from([100, 101, 102, 41_250]))
_periods = st.one_of(
    st.integers(1, 700 * 10**6).map(lambda length: timedelta(microseconds=length)),
    st.sampled_from([10, 30, 60, 180, 600, 3_600, 86_400]).map(lambda seconds: timedelta(seconds=seconds)),
)
_percents = st.sampled_from([Decimal("0.01"), Decimal(1), Decimal("33.33"), Decimal(50), Decimal(100)])


def _threshold(kind: ConditionKind, price: int, margin: int | None) -> PriceThreshold:
    resolve_at = None if margin is None else max(0, price + margin * kind.sign)
    return PriceThreshold(kind, price, resolve_at)


conditions: st.SearchStrategy[Condition] = st.one_of(
    st.builds(
        _threshold,
        st.sampled_from([ConditionKind.PRICE_BELOW, ConditionKind.PRICE_ABOVE]),
        _prices,
        st.one_of(st.none(), st.integers(0, 3)),
    ),
    st.builds(PriceMove, st.sampled_from([ConditionKind.DROP, ConditionKind.RISE]), _percents, _periods),
    st.builds(PriceExtreme, st.sampled_from([ConditionKind.NEW_LOW, ConditionKind.NEW_HIGH]), _periods),
    st.builds(Stock, st.sampled_from([ConditionKind.OUT_OF_STOCK, ConditionKind.IN_STOCK])),
)
lengths = st.one_of(st.just(timedelta(0)), _periods)
"""How long a condition must hold, or a cooldown lasts; mostly not at all."""
