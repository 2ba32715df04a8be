"""The circuit breaker: it tells upstream's trouble from a product's own, and stops calls while upstream is in trouble.

Closed, it admits every batch. It opens when more than half of a batch finds upstream unavailable: then no batch claims
anything, so the products stay due and the first cycle after recovery is complete. After a while it is half open: one
small batch probes, and closes it or opens it again. That wait is a third of the trouble's time so far, within bounds,
so that an upstream that is up and down in turns is called for most of each turn that is up. Each worker has a breaker
for each kind of work, because registering may fail while observing works (docs/adr/0007).
"""

import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from application.synchronisation.batch import Group
from application.synchronisation.batch_report import BatchReport, error_text
from application.synchronisation.offers_gateway import OffersGateway, OffersServiceError, OffersServiceUnavailable
from application.synchronisation.timing import Timing
from domain.synchronisation import Synchronisation


class BreakerState(StrEnum):
    """Whether calls may be made: all, none, or a few probes."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Call:
    """One call as evidence: whether it found upstream unavailable, and whether its product was well until then."""

    unavailable: bool
    was_well: bool


class Trial:
    """One batch as the breaker sees it: how many products it may claim, and its calls so far."""

    def __init__(self, breaker: "CircuitBreaker", size: int, *, probes: bool) -> None:
        self.size = size
        self.probes = probes
        self.era = breaker.era
        self.calls: list[Call] = []
        self._breaker = breaker

    def count(self, group: Group[object], states: Iterable[Synchronisation]) -> bool:
        """Count a group's calls, given the states before them, and return whether a failure is upstream's trouble.

        A batch that is too small to judge is judged together with the calls before it. No failure counts as a
        product's own unless another call was answered lately.
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

    def __init__(self, timing: Timing, now: Callable[[], float]) -> None:
        self._timing = timing
        self._now = now
        self._recent: deque[Call] = deque(maxlen=timing.telling_calls)
        self._opened_at: float | None = None
        self._trouble_since: float | None = None
        self._answered_at = -math.inf
        self._probing = False
        self.era = 0
        """Counts openings and closings: a batch that began in an earlier era is no evidence about the present one."""

    @property
    def state(self) -> BreakerState:
        """Whether calls may be made now."""
        if self._opened_at is None:
            return BreakerState.CLOSED
        waited = self._now() - self._opened_at >= self._probe_after
        return BreakerState.HALF_OPEN if waited else BreakerState.OPEN

    @property
    def answered_lately(self) -> bool:
        """Whether upstream answered within the last refresh interval."""
        return self._now() - self._answered_at <= self._timing.refresh_interval.total_seconds()

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
        """Admit a batch of the trial's size, 0 if none may begin, and judge the batch when it is over."""
        if self.state is BreakerState.CLOSED:
            trial = Trial(self, self._timing.batch_size, probes=False)
        elif self.state is BreakerState.HALF_OPEN and not self._probing:
            self._probing = True
            trial = Trial(self, self._timing.telling_calls, probes=True)
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
                self._opened_at = self._trouble_since = None
                self._begin_era()

    def count(self, trial: Trial, calls: Collection[Call]) -> None:
        """Count new calls, and open the breaker once more than half of a full batch has failed for certain."""
        trial.calls.extend(calls)
        if not trial.probes and trial.era == self.era:
            self._recent.extend(calls)
        if any(not call.unavailable for call in calls):
            self._answered_at = self._now()
        if sum(call.unavailable for call in trial.calls) * 2 > trial.size and self.in_trouble(trial):
            self._open(trial)

    def in_trouble(self, trial: Trial) -> bool:
        """Whether the calls so far show that upstream is in trouble."""
        if trial.probes:
            return _in_trouble(trial.calls)
        enough = self._timing.telling_calls
        calls = trial.calls if len(trial.calls) >= enough else self._recent
        return _in_trouble(calls, at_least=enough, answered_lately=self.answered_lately)

    @property
    def _probe_after(self) -> float:
        if self._opened_at is None or self._trouble_since is None:
            return 0.0
        share = self._timing.probe_share * (self._opened_at - self._trouble_since)
        return min(self._timing.probe_after, max(self._timing.first_probe_after, share))

    def _open(self, trial: Trial) -> None:
        if trial.era == self.era:
            self._opened_at = self._now()
            if self._trouble_since is None:
                self._trouble_since = self._opened_at
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
    """Return whether more than half of the calls, of which there are `at_least` so many, found upstream unavailable."""
    if sum(call.unavailable for call in calls) * 2 <= max(len(calls), at_least):
        return False
    # Products with trouble of their own, however many, must not stop those that were well until now.
    well = [call for call in calls if call.was_well]
    if not well:
        return not answered_lately
    return sum(call.unavailable for call in well) * 2 > len(well)


async def ready_to_call(trial: Trial, offers: OffersGateway, report: BatchReport) -> bool:
    """Return whether calls may be made now; if not, the report says why."""
    report.size = trial.size
    if not trial.size:
        report.held_back = "the Offers service is in trouble"
        return False
    try:
        await offers.authorise()
    except OffersServiceError as error:
        report.held_back = error_text(error)
    return report.held_back is None
