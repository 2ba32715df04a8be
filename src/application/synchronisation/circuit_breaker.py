"""The circuit breaker: whose trouble a failed call was, and how much may be called for while it is upstream's.

Closed, everything may be. Once more than half of a batch finds upstream unavailable it opens: nothing is claimed, so
the products stay due and are complete in the first cycle after recovery. `Pace.probe_after` later it is half open: one
small batch probes, and closes it or opens it again. Each worker has one per kind of work, as registering may be broken
while observing is not (docs/adr/0007).
"""

import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from application.synchronisation.batch import Group
from application.synchronisation.offers_gateway import OffersServiceUnavailable
from application.synchronisation.timing import Pace
from domain.synchronisation import Synchronisation


class BreakerState(StrEnum):
    """Whether calls may be made: all, none, or a few to see."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Call:
    """What one call tells about upstream: whether it found it unavailable, and its product well until then."""

    unavailable: bool
    was_well: bool


class Trial:
    """One batch as the breaker sees it: how many products it may claim, and what came of its calls so far."""

    def __init__(self, breaker: "CircuitBreaker", size: int, *, probes: bool) -> None:
        self.size = size
        self.probes = probes
        self.era = breaker.era
        self.calls: list[Call] = []
        self._breaker = breaker

    def count(self, group: Group[object], states: Iterable[Synchronisation]) -> bool:
        """Count a group's calls, the states as they were before, and return whether a failure is upstream's trouble.

        A batch too small to tell is judged together with the calls before it; and no failure is a product's own
        unless another call was answered lately.
        """
        errors = {id: failed.error for id, failed in group.failed.items()}
        calls = [
            Call(
                unavailable=isinstance(errors.get(state.product_id), OffersServiceUnavailable),
                was_well=state.consecutive_failures == 0,
            )
            for state in states
        ]
        self._breaker.count(self, calls)
        return self._breaker.in_trouble(self) or not self._breaker.answered_lately


class CircuitBreaker:
    """The breaker of one kind of work in one worker; `now` is a monotonic clock in seconds."""

    def __init__(self, pace: Pace, now: Callable[[], float]) -> None:
        self._pace = pace
        self._now = now
        self._recent: deque[Call] = deque(maxlen=pace.telling_calls)
        self._opened_at: float | None = None
        self._answered_at = -math.inf
        self._probing = False
        self.era = 0
        """Goes up at each opening and closing: what was under way then tells nothing about the time after."""

    @property
    def state(self) -> BreakerState:
        """Whether calls may be made now."""
        if self._opened_at is None:
            return BreakerState.CLOSED
        waited = self._now() - self._opened_at >= self._pace.probe_after
        return BreakerState.HALF_OPEN if waited else BreakerState.OPEN

    @property
    def answered_lately(self) -> bool:
        """Whether upstream answered within the last refresh interval."""
        return self._now() - self._answered_at <= self._pace.refresh_interval.total_seconds()

    @property
    def batches(self) -> int | None:
        """How many batches may begin now; None for any number."""
        match self.state:
            case BreakerState.CLOSED:
                return None
            case BreakerState.HALF_OPEN if not self._probing:
                return 1
            case _:
                return 0

    @contextmanager
    def trial(self) -> Iterator[Trial]:
        """Admit a batch of the trial's size, which is 0 when none may begin, and judge it when it is over."""
        if self.state is BreakerState.CLOSED:
            trial = Trial(self, self._pace.batch_size, probes=False)
        elif self.state is BreakerState.HALF_OPEN and not self._probing:
            self._probing = True
            trial = Trial(self, self._pace.telling_calls, probes=True)
        else:
            yield Trial(self, 0, probes=False)
            return
        try:
            yield trial
        finally:
            if trial.probes:
                self._probing = False
            if self.in_trouble(trial):
                self._open(trial)
            elif trial.probes and trial.calls:
                self._opened_at = None
                self._begin_era()

    def count(self, trial: Trial, calls: Collection[Call]) -> None:
        """Take in new calls; once no more than half of a full batch could still be answered, the breaker opens."""
        trial.calls.extend(calls)
        if not trial.probes and trial.era == self.era:
            self._recent.extend(calls)
        if any(not call.unavailable for call in calls):
            self._answered_at = self._now()
        if sum(call.unavailable for call in trial.calls) * 2 > trial.size and self.in_trouble(trial):
            self._open(trial)

    def in_trouble(self, trial: Trial) -> bool:
        """Whether upstream is in trouble as far as the calls so far show."""
        if trial.probes:
            return _in_trouble(trial.calls)
        enough = self._pace.telling_calls
        calls = trial.calls if len(trial.calls) >= enough else self._recent
        return _in_trouble(calls, at_least=enough, answered_lately=self.answered_lately)

    def _open(self, trial: Trial) -> None:
        if trial.era == self.era:
            self._opened_at = self._now()
            self._begin_era()

    def _begin_era(self) -> None:
        self.era += 1
        self._recent.clear()


@dataclass(frozen=True, slots=True)
class Breakers:
    """One breaker for each kind of work."""

    registrations: CircuitBreaker
    observations: CircuitBreaker


def _in_trouble(calls: Collection[Call], *, at_least: int = 1, answered_lately: bool = False) -> bool:
    """Whether more than half of the calls, and of so many at least, found upstream unavailable."""
    if sum(call.unavailable for call in calls) * 2 <= max(len(calls), at_least):
        return False
    # Not if the products that were well until now say otherwise: however many others have a trouble of their own,
    # they must not stop these.
    well = [call for call in calls if call.was_well]
    if not well:
        return not answered_lately
    return sum(call.unavailable for call in well) * 2 > len(well)
