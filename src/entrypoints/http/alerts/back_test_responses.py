"""Answers about back-tests, under the contract's names."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

import msgspec

from application.alerts.back_test import BackTest, Suggestion
from domain.alerts.condition import Value
from entrypoints.http.alerts.conditions import PriceBelowPayload


class FiringResponse(msgspec.Struct, frozen=True):
    """One episode in which the alert would have fired; `resolved_at` is null if it would still."""

    at: datetime
    resolved_at: datetime | None
    value: Decimal | None
    suppressed: bool


class BackTestResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The firings of a rule from `from` to `to`, as if it had been made at `from`.

    `per_week` counts the firings that are not suppressed. `coverage` is the known share of the requested
    window, `unknown_share` the unknown share of the time from `from` to `to`. `truncated` says that this time is
    shorter than the requested one, or that only the last 1 000 firings are shown.
    """

    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")
    firings: Sequence[FiringResponse]
    per_week: Decimal | None
    coverage: float | None
    unknown_share: float | None
    truncated: bool

    @classmethod
    def of(cls, found: BackTest) -> Self:
        """Show the back-test."""
        return cls(**_back_test(found))


class SuggestionResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold, the condition with it, and its back-test; both are null if the period has no price."""

    threshold: int | None
    when: PriceBelowPayload | None
    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")
    firings: Sequence[FiringResponse]
    per_week: Decimal | None
    coverage: float | None
    unknown_share: float | None
    truncated: bool

    @classmethod
    def of(cls, found: Suggestion) -> Self:
        """Show the suggestion."""
        price = None if found.when is None else found.when.price
        when = None if price is None else PriceBelowPayload(price)
        return cls(threshold=price, when=when, **_back_test(found.back_test))


def _back_test(found: BackTest) -> dict[str, Any]:
    return {
        "start": found.simulated.start,
        "end": found.simulated.end,
        "firings": [
            FiringResponse(each.at, each.resolved_at, _number(each.value), each.suppressed) for each in found.firings
        ],
        "per_week": found.per_week,
        "coverage": found.coverage,
        "unknown_share": found.unknown_share,
        "truncated": found.truncated,
    }


def _number(value: Value) -> Decimal | None:
    return None if value is None else Decimal(value)
