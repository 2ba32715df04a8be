"""Alerts in words: conditions, rules, states and transitions."""

from datetime import timedelta
from decimal import Decimal

from domain.alerts.alert import Alert, AlertState, Phase, ResolvedBy, Rule, Transition, TransitionKind
from domain.alerts.condition import Condition, ConditionKind, PriceExtreme, PriceMove, PriceThreshold, Value
from entrypoints.web.formats import DAY, HOUR, MINUTE, NONE, Formats

KINDS = {
    ConditionKind.PRICE_BELOW: "the price is below a threshold",
    ConditionKind.PRICE_ABOVE: "the price is above a threshold",
    ConditionKind.DROP: "the price has fallen by some percent",
    ConditionKind.RISE: "the price has risen by some percent",
    ConditionKind.NEW_LOW: "a price is lower than all before",
    ConditionKind.NEW_HIGH: "a price is higher than all before",
    ConditionKind.OUT_OF_STOCK: "nobody has it in stock",
    ConditionKind.IN_STOCK: "somebody has it in stock",
}
_RESOLVED = {
    ResolvedBy.CONDITION: "resolved",
    ResolvedBy.PRODUCT_WITHDRAWN: "resolved: the product was deleted",
    ResolvedBy.ALERT_DISABLED: "resolved: the alert was disabled",
    ResolvedBy.ALERT_DELETED: "resolved: the alert was deleted",
}
_UNITS = ((DAY, "day", "days"), (HOUR, "h", "h"), (MINUTE, "min", "min"), (timedelta(seconds=1), "s", "s"))


def exact(length: timedelta) -> str:
    """Write a length of time in all its units, without fractions of a second."""
    parts = []
    for unit, one, many in _UNITS:
        count, length = divmod(length, unit)
        if count:
            parts.append(f"{count}\N{NO-BREAK SPACE}{one if count == 1 else many}")
    return " ".join(parts) or "less than 1\N{NO-BREAK SPACE}s"


def percent(value: Decimal, formats: Formats) -> str:
    """Write a number of percent with the decimals that it has."""
    return formats.percent(float(value) / 100, ".##")


def condition(when: Condition, formats: Formats) -> str:
    """Describe a condition."""
    match when:
        case PriceThreshold():
            side, other = ("below", "above") if when.kind is ConditionKind.PRICE_BELOW else ("above", "below")
            until = "" if when.resolve_at is None else f", until it is {other} {formats.number(when.resolve_at)}"
            return f"the price is {side} {formats.number(when.price)}{until}"
        case PriceMove():
            moved = "fallen" if when.kind is ConditionKind.DROP else "risen"
            return f"the price has {moved} by {percent(when.percent, formats)} or more within {exact(when.period)}"
        case PriceExtreme():
            side = "lower" if when.kind is ConditionKind.NEW_LOW else "higher"
            return f"a new price is {side} than all of the {exact(when.period)} before it"
        case _:
            return KINDS[when.kind]


def rule(of: Rule, formats: Formats) -> str:
    """Say when an alert fires, and for how long it is silent then."""
    held = f", for {exact(of.hold)} without a break" if of.hold else ""
    silence = f". Then it is silent for {exact(of.cooldown)}" if of.cooldown else ""
    return f"When {condition(of.when, formats)}{held}{silence}."


def standing(alert: Alert, state: AlertState, formats: Formats) -> str:
    """Describe the state of an alert for a product."""
    if not alert.enabled:
        return "disabled"
    if state.phase is Phase.OK or state.since is None:
        return "does not fire"
    if state.phase is Phase.PENDING:
        return f"pending: the condition is met since {formats.since(state.since)}"
    silence = ", suppressed" if state.suppressed else ""
    return f"fires: the condition is met since {formats.since(state.since)}{silence}"


def happened(transition: Transition) -> str:
    """Describe a transition."""
    if transition.kind is TransitionKind.FIRING:
        words = "fired"
    else:
        words = _RESOLVED[transition.reason or ResolvedBy.CONDITION]
    return f"{words} (suppressed)" if transition.suppressed else words


def value(of: Value, formats: Formats) -> str:
    """Write a price, or a change in percent."""
    if of is None:
        return NONE
    if isinstance(of, int):
        return formats.number(of)
    sign = "\N{MINUS SIGN}" if of < 0 else "+" if of > 0 else ""
    return f"{sign}{percent(abs(of), formats)}"
