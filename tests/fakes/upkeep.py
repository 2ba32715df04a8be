"""The upkeep of the rows in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from application.catalogue.listing import ChangePeriod
from application.catalogue.views import ListedChangeView
from domain.prices.change import price_change
from domain.prices.history import tiled
from domain.prices.price import PriceStep
from domain.window import BucketWidth, Window
from fakes.price_readers import recorded_steps
from fakes.storage import InMemoryStorage
from specification.price_sums import in_force_at


@dataclass(frozen=True)
class InMemoryCataloguePurge:
    """See `CataloguePurge`."""

    storage: InMemoryStorage

    async def purge_withdrawn(self) -> bool:
        self.storage.reach()
        rows = self.storage.rows.copy()
        for product_id in rows.withdrawn:
            del rows.withdrawn[product_id]
            rows.offers.pop(product_id, None)
            rows.intervals[:] = [each for each in rows.intervals if each[0] != product_id]
            rows.steps[:] = [each for each in rows.steps if each[0] != product_id]
            self.storage.rows = rows
            return True
        return False

    async def purge_sold_out(self, kept: timedelta, rows: int) -> int:
        self.storage.reach()
        stored, before, purged = self.storage.rows.copy(), self.storage.clock() - kept, 0
        for product_id, offers in stored.offers.items():
            for offer in offers.values():
                gone = offer.sold_out_at is not None and offer.sold_out_at < before and not offer.unknown
                if gone and purged < rows:
                    left = {id: each for id, each in stored.offers[product_id].items() if id != offer.id}
                    stored.offers[product_id] = left
                    purged += 1
        self.storage.rows = stored
        return purged

    async def purge_idempotency_keys(self, kept: timedelta, rows: int) -> int:
        self.storage.reach()
        stored, before = self.storage.rows.copy(), self.storage.clock() - kept
        expired = [key for key, (_, at) in stored.idempotency_keys.items() if at < before][:rows]
        for key in expired:
            del stored.idempotency_keys[key]
        self.storage.rows = stored
        return len(expired)


@dataclass(frozen=True)
class InMemoryHistoryUpkeep:
    """History kept in memory is never rolled up or dropped."""

    storage: InMemoryStorage

    async def prepare_history(self) -> None:
        self.storage.reach()

    async def roll_up(self, products: int) -> int:
        self.storage.reach()
        return 0

    async def drop_expired(self) -> int:
        self.storage.reach()
        return 0


def _low(steps: Sequence[PriceStep], now: datetime) -> int | None:
    today = BucketWidth.DAY.floor(now)
    week = Window(today - timedelta(days=7), today)
    prices = [tile.price for tile in tiled(steps, week) if tile.price is not None]
    if not steps or steps[0].valid_from >= week.start + timedelta(days=1) or not prices:
        return None
    return min(prices) - (min(prices) == max(prices))


@dataclass(frozen=True)
class InMemoryListedChanges:
    """Changes by product, computed from all steps."""

    storage: InMemoryStorage

    async def refresh(self, after: UUID, products: int) -> UUID | None:
        self.storage.reach()
        rows, now = self.storage.rows.copy(), self.storage.clock()
        batch = sorted(id for id in rows.products if id > after)[:products]
        for id in batch:
            steps = recorded_steps(self.storage, id)
            day, week = (_listed(steps, now, period) for period in ChangePeriod)
            rows.changes[id] = (day, week, _low(steps, now))
        self.storage.rows = rows
        return batch[-1] if batch else None


def _listed(steps: Sequence[PriceStep], now: datetime, period: ChangePeriod) -> ListedChangeView | None:
    start = now - timedelta(days=1 if period is ChangePeriod.DAY else 7)
    found = price_change(in_force_at(steps, start), in_force_at(steps, now))
    return None if found.change is None else ListedChangeView(period, found.change, found.percent, now)
