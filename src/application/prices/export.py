"""The best prices of many products over a window: every step, in a memory that does not grow with their number."""

from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from application.clock import Clock
from application.prices.readers import RetentionReader
from domain.errors import BeyondRetention, WindowTooLarge
from domain.prices.price import PriceState, PriceStep
from domain.window import Window

LONGEST_WINDOW = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """A step of a product's best price; None stands for a product of which nothing is recorded in the window.

    The step still in force ends when its price ceases to be known, and has that time in `known_until`.
    """

    product_id: UUID
    step: PriceStep | None
    known_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExportedStep:
    """One price of a product in `[start, end)`. Only the price still in force has `known_until`."""

    product_id: UUID
    start: datetime
    end: datetime
    state: PriceState
    price: int | None
    known_until: datetime | None = None


class RecordedSteps(Protocol):
    """Reads the recorded steps of any number of products as they were at one moment."""

    def __call__(self, window: Window, product_ids: Collection[UUID]) -> AsyncGenerator[Sequence[RecordedStep], None]:
        """Give the steps that touch the window, by product in the order of ids and then by time, in batches.

        They are those of the given products, or of all if none is given; unknown and withdrawn products have none.
        A caller that stops early must close the generator, which ends the read.

        Raises:
            StorageUnavailable: at any batch.
        """


@dataclass(frozen=True, slots=True)
class ExportPriceHistory:
    """Read every step of the best price of many products over a window."""

    recorded: RecordedSteps
    clock: Clock
    retention: RetentionReader

    async def __call__(
        self, window: Window, product_ids: Collection[UUID]
    ) -> AsyncGenerator[Sequence[ExportedStep], None]:
        """Return a generator of each product's steps in batches; they fill the window, and neighbours differ.

        Raises:
            WindowTooLarge: the window is longer than 31 days.
            BeyondRetention: the window begins before the time from which steps are kept.
            StorageUnavailable: at once, or at any batch.
        """
        if window.end - window.start > LONGEST_WINDOW:
            raise WindowTooLarge("An export is for a window of at most 31 days; take several.")
        kept_since = (await self.retention()).steps_since(self.clock())
        if window.start < kept_since:
            raise BeyondRetention(f"Steps are kept since {kept_since:%Y-%m-%dT%H:%M:%SZ} only; start there.")
        return self._filled(window, product_ids)

    async def _filled(
        self, window: Window, product_ids: Collection[UUID]
    ) -> AsyncGenerator[Sequence[ExportedStep], None]:
        filling = _Filling(window)
        async with aclosing(self.recorded(window, product_ids)) as batches:
            async for batch in batches:
                yield list(filling.steps(batch))
        yield list(filling.rest())


class _Filling:
    """Turns recorded steps into steps that fill the window: holes become unknown steps, equal neighbours one.

    Days are recorded apart, so that a price which holds over midnight is two steps.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._last: ExportedStep | None = None

    def steps(self, recorded: Iterable[RecordedStep]) -> Iterator[ExportedStep]:
        """Give the steps that are sure to have ended."""
        for each in recorded:
            if self._last is not None and self._last.product_id != each.product_id:
                yield from self.rest()
            if each.step is None:
                yield from self._add_unknown(each.product_id, self._window.end)
                continue
            start, end = max(each.step.valid_from, self._window.start), min(each.step.valid_to, self._window.end)
            if start < end:
                yield from self._add_unknown(each.product_id, start)
                step = ExportedStep(each.product_id, start, end, each.step.state, each.step.price, each.known_until)
                yield from self._add(step)

    def rest(self) -> Iterator[ExportedStep]:
        """Give the steps of the last product that are left."""
        if self._last is not None:
            yield from self._add_unknown(self._last.product_id, self._window.end)
            yield self._last
            self._last = None

    def _add_unknown(self, product_id: UUID, until: datetime) -> Iterator[ExportedStep]:
        reached = self._window.start if self._last is None else self._last.end
        if reached < until:
            yield from self._add(ExportedStep(product_id, reached, until, PriceState.UNKNOWN, None))

    def _add(self, step: ExportedStep) -> Iterator[ExportedStep]:
        last = self._last
        if last is not None and (last.state, last.price) == (step.state, step.price):
            self._last = replace(last, end=step.end, known_until=step.known_until)
            return
        if last is not None:
            yield last
        self._last = step
