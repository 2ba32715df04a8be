"""The ports through which prices over time are read; what they return are exact integers, for the domain to divide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.offer import OfferInterval, TrackedOffer
from domain.price import PriceInForce, PriceStep
from domain.price_history import PriceSummary
from domain.price_statistics import PriceDistribution
from domain.window import BucketWidth, Window


class PriceReader(Protocol):
    """Reads of a product's best price over time, in windows that have begun and end by now.

    A window that begins or ends where the steps are no longer kept does so on bounds of buckets that are.

    Raises:
        ProductNotFound, StorageUnavailable: in every read.
    """

    async def steps(self, product_id: UUID, window: Window, limit: int) -> list[PriceStep]:
        """Return the first `limit` steps recorded within the window, ascending; the one still in force too."""

    async def buckets(self, product_id: UUID, window: Window, width: BucketWidth) -> list[PriceSummary]:
        """Sum the buckets of the window of which anything is recorded, ascending and clipped to it."""

    async def in_force(self, product_id: UUID, at: datetime) -> PriceInForce | None:
        """Return what was in force at a time; None before the first observation."""

    async def statistics(
        self, product_id: UUID, window: Window, current: int | None
    ) -> tuple[PriceSummary, PriceDistribution]:
        """Sum a window of which all steps are kept, without `open` and `close`."""


@dataclass(frozen=True, slots=True)
class OfferPrices:
    """In which parts of a window the product is known, and while which offers were in stock at which price.

    An offer's intervals may go on where the product is not known, and over midnight.
    """

    known: Sequence[Window]
    in_stock: Mapping[UUID, Sequence[OfferInterval]]


@dataclass(frozen=True, slots=True)
class OfferLife:
    """One offer as it is kept, None when it has been sold out for long, and its prices."""

    offer: TrackedOffer | None
    prices: OfferPrices


class OfferPriceReader(Protocol):
    """Reads of the single offers' prices over time, in windows of which these are kept and that end by now.

    Raises:
        ProductNotFound, StorageUnavailable: in every read.
    """

    async def steps(self, product_id: UUID, window: Window, limit: int) -> OfferPrices:
        """Return the last `limit` intervals of all offers together."""

    async def buckets(
        self, product_id: UUID, window: Window, width: BucketWidth, limit: int
    ) -> Mapping[UUID, Sequence[PriceSummary]]:
        """Sum the buckets in which an offer was in stock, the first `limit` of all offers together."""

    async def life(self, product_id: UUID, offer_id: UUID, window: Window, limit: int) -> OfferLife:
        """Return one offer and the last `limit` of its intervals; an unknown one has none."""
