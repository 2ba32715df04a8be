"""Conditions under the names that callers know, in the API and in the audit log."""

from decimal import Decimal

from domain.alerts.condition import Condition, ConditionKind, PriceExtreme, PriceMove, PriceThreshold
from domain.duration import written


def condition_fields(when: Condition) -> dict[str, object]:
    """Return a condition's fields, of types that JSON has."""
    match when:
        case PriceThreshold():
            resolving = "resolve_above" if when.kind is ConditionKind.PRICE_BELOW else "resolve_below"
            return {"kind": when.kind.value, "price": when.price, resolving: when.resolve_at}
        case PriceMove():
            return {"kind": when.kind.value, "percent": _number(when.percent), "period": written(when.period)}
        case PriceExtreme():
            return {"kind": when.kind.value, "period": written(when.period)}
        case _:
            return {"kind": when.kind.value}


def _number(percent: Decimal) -> int | float:
    return int(percent) if percent == int(percent) else float(percent)
