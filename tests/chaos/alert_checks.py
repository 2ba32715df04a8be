"""What must hold of alerts at the end: what they told is what their rules would have told over the recorded prices."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from chaos.alerts import RULES
from chaos.catalogue import Catalogue
from chaos.deployment import Deployment
from chaos.record import Record
from domain.alerts.alert import INITIAL, Rule, Transition, TransitionKind, steps
from domain.alerts.facts import facts_of_window
from domain.prices.price import PriceState, PriceStep
from domain.window import MICROSECOND, Window

FIRING, RESOLVED = "alert.firing", "alert.resolved"
WITHDRAWN = "product-withdrawn"
_TOLD = f"""
    SELECT (data -> 'alert' ->> 'id')::uuid, subject, type, time, data ->> 'reason', (data ->> 'value')::float8,
        (data ->> 'threshold')::float8, (data ->> 'since')::timestamptz
    FROM event WHERE type IN ('{FIRING}', '{RESOLVED}') ORDER BY generation, transaction, number
"""
_STEPS = """
    SELECT product_id, state, price, valid_from, valid_to FROM best_price_step
    UNION ALL
    SELECT product_id, CASE WHEN best_price IS NULL THEN 'out_of_stock' ELSE 'in_stock' END, best_price,
        best_price_since, greatest(best_price_since, known_until)
    FROM synchronisation WHERE best_price_since IS NOT NULL
    ORDER BY product_id, valid_from
"""
_OBSERVED = "SELECT product_id, observed_at FROM synchronisation WHERE observed_at IS NOT NULL"
_MADE = "SELECT id, since, for_all FROM alert"
_CHOSEN = "SELECT alert_id, product_id FROM alert_product"

Told: TypeAlias = tuple[str, datetime, str | None, float | None, float | None, datetime]
"""An event's type and time, and of its data the reason, the value, the threshold, and since when it was met."""


def check_alerts(deployment: Deployment, catalogue: Catalogue, made: Mapping[UUID, str], record: Record) -> None:
    """Every alert that was never edited told of every living product what the simulation tells; workers are stopped."""
    told: defaultdict[tuple[UUID, UUID], list[Told]] = defaultdict(list)
    for alert_id, product_id, kind, *rest in deployment.system.query(_TOLD):
        told[alert_id, product_id].append((kind, *rest))
        record.count(f"event: {kind}")
    for (alert_id, product_id), transitions in told.items():
        gone = product_id not in catalogue.entries or catalogue.entries[product_id].text is None
        check_turns(f"{made.get(alert_id, 'edited')} of {product_id}", transitions, record, gone=gone)
    recorded: defaultdict[UUID, list[PriceStep]] = defaultdict(list)
    for product_id, state, *step in deployment.system.query(_STEPS):
        recorded[product_id].append(PriceStep(PriceState(state), *step))
    observed = dict(deployment.system.query(_OBSERVED))
    chosen = defaultdict[UUID, set[UUID]](set)
    for alert_id, product_id in deployment.system.query(_CHOSEN):
        chosen[alert_id].add(product_id)
    for alert_id, since, for_all in deployment.system.query(_MADE):
        if alert_id in made:
            for product_id in observed.keys() & (observed.keys() if for_all else chosen[alert_id]):
                window = Window(since, observed[product_id] + MICROSECOND)
                expected, suppressed = simulated(made[alert_id], window, recorded[product_id])
                record.count("alerts simulated")
                record.count("transitions simulated", len(expected))
                record.count("transitions suppressed", suppressed)
                if (live := told[alert_id, product_id]) != expected:
                    story = f"{made[alert_id]} of {product_id} {window}: {_differences(live, expected)}"
                    record.violate("alerts tell what the simulation tells", story)


def check_turns(name: str, told: Sequence[Told], record: Record, *, gone: bool) -> None:
    """An alert fires and resolves in turns, in the order of time; it does not fire for a product that is gone."""
    if any(reason for _, _, reason, *_ in told):
        # An edit or a withdrawal may stand before an observation of the same moment (docs/adr/0027).
        told = sorted(told, key=lambda each: each[1])
    kinds = [kind for kind, *_ in told]
    times = [at for _, at, *_ in told]
    if kinds != [FIRING, RESOLVED] * (len(kinds) // 2) + [FIRING] * (len(kinds) % 2) or times != sorted(times):
        record.violate("an alert fires and resolves in turns", f"{name}: {told}")
    if gone and kinds[-1] == FIRING:
        record.violate("no alert fires for a product that is gone", f"{name}: {told[-1]}")
    record.count("alerts resolved by a withdrawal", sum(reason == WITHDRAWN for _, _, reason, *_ in told))


def simulated(name: str, window: Window, recorded: Sequence[PriceStep]) -> tuple[list[Told], int]:
    """Return what a back-test of the rule over the window tells, and how many transitions it suppresses."""
    when, hold, cooldown = RULES[name]
    _, found = steps(INITIAL, Rule(when, hold, cooldown, window.start), facts_of_window(recorded, when, window))
    return [_told(each) for each in found if not each.suppressed], sum(each.suppressed for each in found)


def _told(each: Transition) -> Told:
    kind = FIRING if each.kind is TransitionKind.FIRING else RESOLVED
    return kind, each.at, each.reason, _number(each.value), _number(each.threshold), each.since


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _differences(live: Sequence[Told], expected: Sequence[Told]) -> str:
    lacking = [each for each in expected if each not in live]
    more = [each for each in live if each not in expected]
    return f"lacks {len(lacking)}: {lacking[:2]}, has {len(more)} more: {more[:2]}"
