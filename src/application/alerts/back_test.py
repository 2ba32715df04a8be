"""Back-tests: the firings of a rule over recorded prices, by the function that evaluates live alerts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from application.offload import offload
from domain.alerts.alert import INITIAL, Rule, Transition, TransitionKind, steps
from domain.alerts.condition import Condition, ConditionKind, PriceThreshold, Value
from domain.alerts.facts import facts_of_window
from domain.alerts.thresholds import firings_by_threshold
from domain.errors import WindowTooLarge
from domain.prices.history import rounded, share, tiled
from domain.prices.price import PriceState, PriceStep
from domain.window import MICROSECOND, Window

DEFAULT_WINDOW, LONGEST_WINDOW = timedelta(days=30), timedelta(days=31)
MOST_STEPS = 60_000
"""A month of a price that moves every minute has 45 000."""
MOST_FIRINGS = 1_000
_WEEK = timedelta(days=7) // MICROSECOND


@dataclass(frozen=True, slots=True)
class Firing:
    """One episode in which the alert would have fired; `resolved_at` is None if it would still."""

    at: datetime
    resolved_at: datetime | None
    value: Value
    suppressed: bool


@dataclass(frozen=True, slots=True)
class BackTest:
    """The result of a back-test.

    `per_week` counts the firings that are not suppressed. `coverage` is the known share of the requested window, and
    `unknown_share` the unknown share of the simulated one. `truncated` says that the simulated window is shorter than
    the requested one, or that only the last firings are listed.
    """

    simulated: Window
    firings: Sequence[Firing]
    per_week: Decimal | None
    coverage: float | None
    unknown_share: float | None
    truncated: bool


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A condition and its back-test; there is none if the window has no price."""

    when: PriceThreshold | None
    back_test: BackTest


@dataclass(frozen=True, slots=True)
class Recorded:
    """The ascending steps from one period before a window on, and the part of the window that they cover."""

    steps: Sequence[PriceStep]
    window: Window


class RecordedPrices(Protocol):
    """Reads a product's recorded prices."""

    async def __call__(self, product_id: UUID, window: Window, period: timedelta, limit: int) -> Recorded:
        """Return up to `limit` steps from one period before the window on, as far as they are kept.

        The covered part is empty if nothing of the window is kept.

        Raises:
            ProductNotFound, StorageUnavailable
        """


@dataclass(frozen=True, slots=True)
class SimulateAlert:
    """Simulate a rule over a window of a product's recorded prices."""

    prices: RecordedPrices

    async def __call__(
        self, product_id: UUID, when: Condition, hold: timedelta, cooldown: timedelta, window: Window
    ) -> BackTest:
        """Return the firings of the rule, as if it had been made at the window's start.

        Where steps are no longer kept, or are too many for one answer, less than the window is simulated.

        Raises:
            ProductNotFound
            InvalidAlert: a duration is out of bounds.
            WindowTooLarge: the window is longer than 31 days.
        """
        rule = Rule(when, hold, cooldown, window.start)
        _require_short(window)
        recorded = await self.prices(product_id, window, when.period or timedelta(0), MOST_STEPS)
        return await offload(lambda: _simulated(rule, window, recorded), len(recorded.steps))


@dataclass(frozen=True, slots=True)
class SuggestThreshold:
    """Find the price below (above) which an alert would have fired so many times a week."""

    prices: RecordedPrices

    async def __call__(
        self, product_id: UUID, per_week: Decimal, window: Window, kind: ConditionKind = ConditionKind.PRICE_BELOW
    ) -> Suggestion:
        """Return the threshold whose simulation comes closest, among equals the lowest (highest) one that fires.

        Raises:
            ProductNotFound
            WindowTooLarge: the window is longer than 31 days.
        """
        _require_short(window)
        recorded = await self.prices(product_id, window, timedelta(0), MOST_STEPS)
        return await offload(lambda: _suggested(kind, window, recorded, per_week), len(recorded.steps))


def _require_short(window: Window) -> None:
    if window.end - window.start > LONGEST_WINDOW:
        raise WindowTooLarge("A back-test is over at most 31 days; take a shorter window.")


def _simulated(rule: Rule, asked: Window, recorded: Recorded) -> BackTest:
    window = recorded.window
    if window.start >= window.end:
        return BackTest(window, [], None, 0.0, None, truncated=True)
    rule = Rule(rule.when, rule.hold, rule.cooldown, window.start)
    facts = facts_of_window(recorded.steps, rule.when, window) if recorded.steps else ()
    _, transitions = steps(INITIAL, rule, facts)
    firings = _episodes(transitions)
    known = sum(
        (each.valid_to - each.valid_from) // MICROSECOND
        for each in tiled(recorded.steps, window)
        if each.state is not PriceState.UNKNOWN
    )
    told = sum(not each.suppressed for each in firings)
    return BackTest(
        window,
        firings[-MOST_FIRINGS:],
        rounded(told * _WEEK, window.microseconds, 2),
        share(known, asked.microseconds),
        share(window.microseconds - known, window.microseconds),
        truncated=window != asked or len(firings) > MOST_FIRINGS,
    )


def _episodes(transitions: Sequence[Transition]) -> list[Firing]:
    firings: list[Firing] = []
    for each in transitions:
        if each.kind is TransitionKind.FIRING:
            firings.append(Firing(each.at, None, each.value, each.suppressed))
        else:
            last = firings[-1]
            firings[-1] = Firing(last.at, each.at, last.value, last.suppressed)
    return firings


def _suggested(kind: ConditionKind, asked: Window, recorded: Recorded, per_week: Decimal) -> Suggestion:
    window = recorded.window
    counts = firings_by_threshold(kind, tiled(recorded.steps, window)) if window.start < window.end else []
    wanted = per_week * window.microseconds / _WEEK
    # Among equals the first one is the most extreme.
    threshold = min(counts, key=lambda each: (abs(each[1] - wanted), each[1] == 0), default=None)
    when = threshold and PriceThreshold(kind, threshold[0])
    rule = Rule(when or PriceThreshold(kind, 0), timedelta(0), timedelta(0), window.start)
    return Suggestion(when, _simulated(rule, asked, recorded))
