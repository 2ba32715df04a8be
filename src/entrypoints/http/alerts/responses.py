"""Answers about alerts, under the contract's names."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Self, cast
from uuid import UUID

import msgspec

from application.alerts.conditions import condition_fields
from application.alerts.reading import AlertDetail, RecordedTransition
from domain.alerts.alert import INITIAL, Alert, AlertState, Phase, ResolvedBy, TransitionKind
from domain.alerts.condition import Condition, Value
from domain.duration import written
from entrypoints.http.alerts.conditions import ConditionPayload


class AlertResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An alert; its rule looks at the time from `since` on."""

    id: UUID
    name: str
    product_ids: Sequence[UUID] | None
    when: ConditionPayload
    hold: str = msgspec.field(name="for")
    cooldown: str
    enabled: bool
    since: datetime
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, alert: Alert) -> Self:
        """Show the alert."""
        return cls(**_fields(alert))


class AlertStateResponse(msgspec.Struct, frozen=True):
    """An alert's state for a product: since when its condition is met, and whether its firing was suppressed."""

    product_id: UUID
    state: Phase
    since: datetime | None
    suppressed: bool

    @classmethod
    def of(cls, product_id: UUID, state: AlertState) -> Self:
        """Show the state."""
        return cls(product_id, state.phase, state.since, state.suppressed)


class TransitionResponse(msgspec.Struct, frozen=True):
    """An alert began to fire for a product, or was resolved for the `reason`. A `suppressed` one has no event."""

    product_id: UUID
    kind: TransitionKind
    at: datetime
    since: datetime
    value: Decimal | None
    threshold: Decimal | None
    suppressed: bool
    reason: ResolvedBy | None

    @classmethod
    def of(cls, recorded: RecordedTransition) -> Self:
        """Show the transition."""
        each = recorded.transition
        value, threshold = _number(each.value), _number(each.threshold)
        return cls(recorded.product_id, each.kind, each.at, each.since, value, threshold, each.suppressed, each.reason)


class AlertDetailResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An alert with its state per product, and its last transitions, the latest first.

    All products that it names have a state. Of an alert for all products, up to 1 000 that are not `ok` have one.
    """

    id: UUID
    name: str
    product_ids: Sequence[UUID] | None
    when: ConditionPayload
    hold: str = msgspec.field(name="for")
    cooldown: str
    enabled: bool
    since: datetime
    created_at: datetime
    updated_at: datetime
    states: Sequence[AlertStateResponse]
    transitions: Sequence[TransitionResponse]

    @classmethod
    def of(cls, detail: AlertDetail) -> Self:
        """Show the alert."""
        states = dict(detail.states)
        of_products = states | {id: states.get(id, INITIAL) for id in detail.alert.product_ids or ()}
        return cls(
            **_fields(detail.alert),
            states=[AlertStateResponse.of(*each) for each in of_products.items()],
            transitions=[TransitionResponse.of(each) for each in detail.transitions],
        )


class AlertsResponse(msgspec.Struct, frozen=True):
    """All alerts, newest first."""

    items: Sequence[AlertResponse]


def show_condition(when: Condition) -> ConditionPayload:
    """Return the condition as answers show it."""
    return cast("ConditionPayload", msgspec.convert(condition_fields(when), type=ConditionPayload))


def _fields(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "name": alert.name,
        "product_ids": alert.product_ids,
        "when": show_condition(alert.rule.when),
        "hold": written(alert.rule.hold),
        "cooldown": written(alert.rule.cooldown),
        "enabled": alert.enabled,
        "since": alert.rule.since,
        "created_at": alert.created_at,
        "updated_at": alert.updated_at,
    }


def _number(value: Value) -> Decimal | None:
    return None if value is None else Decimal(value)
