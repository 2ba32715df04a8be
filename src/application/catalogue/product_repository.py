"""The port to the stored products."""

from collections.abc import Collection, Mapping
from typing import Protocol
from uuid import UUID

from application.catalogue.views import Encoded, ProductView
from domain.product import Product


class ProductRepository(Protocol):
    """The products that have not been withdrawn. For use inside a unit of work only."""

    async def add(self, *products: Product) -> Mapping[UUID, tuple[str, ...]]:
        """Store new products, and their synchronisations, whose registrations are due from `created_at` on.

        Those that are added together take turns in registration with those that are added alone.

        All of them have different ids and names. Those whose id or name other products have are left out, and returned
        by their ids with the taken fields, the id first. A withdrawn product frees its name at once and its id when it
        is purged. If another unit of work is about to take or to free an id or a name, this waits for its end.
        """

    async def get(self, product_id: UUID) -> Product:
        """Return the product and lock it against other writers until the unit of work ends.

        Raises:
            ProductNotFound: there is no such product, or it was withdrawn.
        """

    async def list(self, product_ids: Collection[UUID]) -> list[Product]:
        """Return the products among these that exist, in the order of their ids, locked as by `get`."""

    async def save(self, *products: Product) -> None:
        """Store products that this unit of work has got.

        Raises:
            ProductAlreadyExists: another product has the name.
        """

    async def remove(self, product: Product) -> None:
        """Withdraw a product that this unit of work has got.

        Every read loses it, and its name is free; its id stays taken until it is purged.
        """

    async def show(self, product: Product) -> Encoded[ProductView]:
        """Return the product as lists show it, with the changes that this unit of work has saved."""
