"""The ports that several use-cases share, in their words; contract tests hold every adapter to each sentence."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from application.catalogue.idempotency_keys import AnswerRepository
from application.catalogue.listing import (
    EVERYTHING,
    NEWEST_FIRST,
    PagePosition,
    ProductFilter,
    ProductOrder,
    ProductSlice,
)
from application.catalogue.views import (
    Encoded,
    OffersView,
    ProductDetailView,
    ProductView,
    SynchronisationView,
    Version,
)
from domain.offer import TrackedOffer
from domain.product import Product
from domain.synchronisation import Observation, Synchronisation

Clock = Callable[[], datetime]
"""The time now, with its zone."""


class StorageUnavailable(Exception):
    """The database cannot be reached or did not answer in time; nothing of this unit of work is stored for sure."""


class StorageContended(StorageUnavailable):
    """Others have held for too long what this needs, or need what this holds; it was not stored."""


class ProductRepository(Protocol):
    """The products that were not withdrawn. Only inside a unit of work."""

    async def add(self, product: Product) -> None:
        """Store a new product with its synchronisation, due for registration since `created_at`.

        Raises:
            ProductAlreadyExists: the name is taken, or the id is, by a withdrawn product too until it is purged.
        """

    async def add_free(self, products: Sequence[Product]) -> Sequence[bool]:
        """Store those new products whose name and id are free, and say of each whether it was stored.

        Of several that share a name or an id one is stored at the most: the first, if it is free.

        Raises:
            StorageContended: one of the names or ids is about to be taken, for too long.
        """

    async def get(self, product_id: UUID) -> Product:
        """Return the product and keep other writers away from it until the unit of work ends.

        Raises:
            ProductNotFound: no such product, or it was withdrawn.
        """

    async def list(self, product_ids: Collection[UUID]) -> list[Product]:
        """Return those of the products that exist, in the order of their ids, locked as by `get`."""

    async def save(self, *products: Product) -> None:
        """Store products got in this unit of work.

        Raises:
            ProductAlreadyExists: a name is taken.
        """

    async def remove(self, product: Product) -> None:
        """Withdraw the product: gone from every read, its name free again, its id taken until it is purged."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Products that are ours to attempt until the lease ends; `claimed_at` is the storage's clock."""

    lease_id: UUID
    claimed_at: datetime
    product_ids: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class Due:
    """How many registrations and observations are due, each counted up to the limit that was asked for.

    `lag` is for how long the longest waiting observation has been due, one that is under way included; 0 if none is.
    """

    registrations: int
    observations: int
    lag: timedelta


class SynchronisationRepository(Protocol):
    """Schedule and leases of all products. Only inside a unit of work; a claim counts once that is committed.

    A claim is None when nothing is due.
    """

    async def count_due(self, interval: timedelta, limit: int) -> Due:
        """Count what a claim could take now, each kind up to `limit`."""

    async def claim_registrations(self, lease: timedelta, limit: int, *, likeliest: bool = False) -> Claim | None:
        """Lease up to `limit` products whose registration is due, longest waiting first, skipping locked rows.

        With `likeliest` those come first that are likeliest to go well: the fewest failures in a row, then the newest.
        """

    async def claim_observations(
        self, interval: timedelta, lease: timedelta, limit: int, *, likeliest: bool = False
    ) -> Claim | None:
        """Lease up to `limit` products whose observation is due, oldest slot first, skipping locked rows.

        With `likeliest` those come first that are likeliest to go well: the fewest failures in a row, then the newest
        slot. Due is a slot one interval after the last one, once `not_before` has passed, and a claim that was never
        finished once its lease has ended. The claim moves the slot on by one interval, or to now if one was missed.
        """

    async def hold(self, lease_id: UUID, product_ids: Collection[UUID]) -> list[Synchronisation]:
        """Return and lock those of the products that this lease still covers; withdrawn ones are left out.

        A lease that has ended still covers a product until somebody else claims it.
        """

    async def get(self, product_id: UUID) -> Synchronisation:
        """Return and lock one product's state, whoever has it leased.

        Raises:
            ProductNotFound: no such product, or it was withdrawn.
        """

    async def save(self, *states: Synchronisation) -> None:
        """Store states held or got in this unit of work and end their leases."""

    async def postpone(self, lease_id: UUID, product_ids: Collection[UUID]) -> None:
        """End the lease of these products without an attempt: they stay due, in the slot they were claimed for."""


class OfferRepository(Protocol):
    """Current offers and the history that observations leave. Only inside a unit of work."""

    async def of(self, product_ids: Collection[UUID]) -> Mapping[UUID, Sequence[TrackedOffer]]:
        """Return the stored offers, sold-out ones too, of each product that has any."""

    async def record(self, observations: Collection[Observation]) -> None:
        """Store changed offers and append ended intervals and steps; the products' synchronisations are held."""


class UnitOfWork(Protocol):
    """One transaction over all repositories; leaving it without `commit` rolls everything back."""

    @property
    def products(self) -> ProductRepository:
        """The products."""

    @property
    def synchronisations(self) -> SynchronisationRepository:
        """Their schedule and leases."""

    @property
    def offers(self) -> OfferRepository:
        """Their offers and history."""

    @property
    def answers(self) -> AnswerRepository:
        """What was answered to requests that may come again."""

    async def commit(self) -> None:
        """Make everything durable.

        Raises:
            StorageUnavailable: it is unknown whether anything was stored.
        """


class BeginWork(Protocol):
    """Begins a unit of work: `async with begin() as work`. No network call to others may stand inside.

    Raises:
        StorageUnavailable: on entering and in every call inside.
    """

    def __call__(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Return the unit of work, to be entered."""


class CatalogueReader(Protocol):
    """Reads for everybody: each is one consistent statement, outside any unit of work, and sees no withdrawn product.

    Raises:
        ProductNotFound: in every read of one product.
        StorageUnavailable: in every read.
    """

    async def version(self, product_id: UUID) -> Version:
        """Return the version of the product; as long as it is the same, the other reads show the same."""

    async def product(self, product_id: UUID) -> Encoded[ProductView]:
        """Return the product as lists show it."""

    async def detail(self, product_id: UUID, *, sold_out_too: bool = False) -> Encoded[ProductDetailView]:
        """Return the product with its offers in stock, cheapest first; the sold-out ones of the last day on demand."""

    async def offers(self, product_id: UUID, *, sold_out_too: bool = False) -> Encoded[OffersView]:
        """Return the offers as in `detail`."""

    async def products(
        self,
        limit: int,
        order: ProductOrder = NEWEST_FIRST,
        after: PagePosition | None = None,
        wanted: ProductFilter = EVERYTHING,
    ) -> ProductSlice:
        """Return up to `limit` of the wanted products in this order, from behind `after`."""

    async def synchronisation(self, product_id: UUID) -> SynchronisationView:
        """Return how the product's attempts go."""
