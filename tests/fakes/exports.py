"""Whole exports from the rows in memory: a snapshot is the rows as they were at the first batch."""

from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from application.catalogue.listing import EVERYTHING, ProductFilter
from application.prices.export import RecordedStep
from domain.prices.price import PriceStep
from domain.window import Window
from fakes.product_lists import wanted_products
from fakes.product_views import product_view
from fakes.storage import InMemoryStorage
from specification.price_sums import open_step


@dataclass(frozen=True)
class InMemoryCatalogueExport:
    """The catalogue, a few products at a time."""

    storage: InMemoryStorage
    rows_at_once: int = 2

    async def __call__(
        self, wanted: ProductFilter = EVERYTHING, after: UUID | None = None
    ) -> AsyncGenerator[Sequence[bytes], None]:
        self.storage.reach()
        rows, now = self.storage.rows.copy(), self.storage.clock()
        found = sorted(wanted_products(rows, wanted, now), key=lambda each: each.id)
        lines = [
            msgspec.json.encode(product_view(each, rows.synchronisations[each.id].state, now))
            for each in found
            if after is None or each.id > after
        ]
        for begin in range(0, len(lines), self.rows_at_once):
            self.storage.reach()
            yield lines[begin : begin + self.rows_at_once]


@dataclass(frozen=True)
class InMemoryRecordedSteps:
    """The steps of all products, a few at a time."""

    storage: InMemoryStorage
    rows_at_once: int = 2

    async def __call__(
        self, window: Window, product_ids: Collection[UUID]
    ) -> AsyncGenerator[Sequence[RecordedStep], None]:
        self.storage.reach()
        chosen = sorted(id for id in self.storage.rows.products if not product_ids or id in product_ids)
        steps = [step for id in chosen for step in self._of(id, window)]
        for begin in range(0, len(steps), self.rows_at_once):
            self.storage.reach()
            yield steps[begin : begin + self.rows_at_once]

    def _of(self, product_id: UUID, window: Window) -> list[RecordedStep]:
        def touches(step: PriceStep) -> bool:
            return step.valid_from < window.end and step.valid_to > max(window.start, step.valid_from)

        found = [RecordedStep(product_id, step) for id, step in self.storage.rows.steps if id == product_id]
        state = self.storage.rows.synchronisations[product_id].state
        if state.best is not None and state.known_until is not None:
            found.append(RecordedStep(product_id, open_step(state.best, state.known_until), state.known_until))
        touching = [each for each in found if each.step is not None and touches(each.step)]
        touching.sort(key=lambda each: each.step.valid_from if each.step else window.start)
        return touching or [RecordedStep(product_id, None)]
