"""The ports through which prices over time are read; they return exact integers, which the domain divides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.offer import OfferInterval, TrackedOffer
from domain.prices.history import PriceSummary
from domain.prices.price import PriceInForce, PriceStep
from domain.prices.retention import Retention
from domain.prices.statistics import PriceDistribution
from domain.window import BucketWidth, Window


class RetentionReader(Protocol):
    """Reads how long the history is kept now, and which parts are dropped already.

    It is asked for each answer, because other processes drop while this one runs.

    Raises:
        StorageUnavailable
    """

    async def __call__(self) -> Retention:
        """Return the retention."""


class PriceReader(Protocol):
    """Reads of a product's best price over time, in windows that have begun and end by now.

    Where steps are no longer kept, a window begins and ends on bounds of kept buckets.

    Raises:
        ProductNotFound, StorageUnavailable: in every read.
    """

    async def steps(self, product_id: UUID, window: Window, limit: int) -> list[PriceStep]:
        """Return the first `limit` steps recorded within the window, ascending, the one still in force included."""

    async def buckets(self, product_id: UUID, window: Window, width: BucketWidth) -> list[PriceSummary]:
        """Return the buckets of the window in which anything is recorded, ascending and clipped to the window."""

    async def sums(self, product_id: UUID, bounds: Sequence[datetime], width: BucketWidth) -> list[PriceSummary]:
        """Return the sums of the stretches between neighbouring bounds in which anything is recorded, ascending.

        The bounds ascend. Buckets of this width are kept, and begin at each bound but the first and the last, which
        may be anywhere where steps are kept. Of extremes only the prices are meant: the times are the starts of the
        stretches.
        """

    async def in_force(self, product_id: UUID, times: Sequence[datetime]) -> list[PriceInForce | None]:
        """Return the prices in force at a few times, in the order given; None before the first observation."""

    async def statistics(
        self, product_id: UUID, window: Window, current: int | None
    ) -> tuple[PriceSummary, PriceDistribution]:
        """Summarise a window whose steps are all kept; `open` and `close` stay None."""


@dataclass(frozen=True, slots=True)
class OfferPrices:
    """The parts of a window in which the product is known, and the intervals in which its offers were in stock.

    An offer's intervals may reach into time in which the product is not known, and over midnight.
    """

    known: Sequence[Window]
    in_stock: Mapping[UUID, Sequence[OfferInterval]]


@dataclass(frozen=True, slots=True)
class OfferLife:
    """One offer and its prices; the offer is None once its row is purged."""

    offer: TrackedOffer | None
    prices: OfferPrices


class OfferPriceReader(Protocol):
    """Reads of single offers' prices over time, in windows for which these are kept and that end by now.

    Raises:
        ProductNotFound, StorageUnavailable: in every read.
    """

    async def steps(self, product_id: UUID, window: Window, limit: int) -> OfferPrices:
        """Return the last `limit` intervals of all offers together."""

    async def sums(
        self, product_id: UUID, bounds: Sequence[datetime], limit: int
    ) -> Mapping[UUID, Sequence[PriceSummary]]:
        """Return the sums of the stretches between neighbouring bounds in which an offer was in stock.

        The bounds ascend; the first `limit` sums of all offers together are returned. Of their extremes only the
        prices are meant: the times are the starts of the stretches.
        """

    async def summary(self, product_id: UUID, offer_id: UUID, window: Window) -> PriceSummary:
        """Sum the window for one offer; an offer that is not recorded counts as out of stock."""

    async def life(self, product_id: UUID, offer_id: UUID, window: Window, limit: int) -> OfferLife:
        """Return one offer and the last `limit` of its intervals; an offer that is not recorded has none."""
