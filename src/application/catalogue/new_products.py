"""How new products get into the catalogue: those that come at the same time, in one transaction."""

from collections.abc import Sequence

from application.grouping import Grouped
from application.unit_of_work import BeginWork, StorageContended, StorageUnavailable
from domain.product import Product


class NewProducts:
    """Stores new products; nobody is refused, or left unanswered, for what others have asked for."""

    def __init__(self, begin: BeginWork) -> None:
        self._begin = begin
        self._add_with_others = Grouped(self._add_all)

    async def add(self, product: Product) -> None:
        """Store the product durably.

        Raises:
            ProductAlreadyExists: the name or the id is taken.
            StorageUnavailable: it is unknown whether the product is stored.
        """
        if not await self._add_with_others(product):
            async with self._begin() as work:
                await work.products.add(product)
                await work.commit()

    async def _add_all(self, products: Sequence[Product]) -> Sequence[bool]:
        async with self._begin() as work:
            try:
                added = await work.products.add_free(products)
            except Exception as error:
                if isinstance(error, StorageUnavailable) and not isinstance(error, StorageContended):
                    raise
                # Nothing is stored before the commit, so each tries by himself, and fails only for his own reason.
                return [False] * len(products)
            await work.commit()
        return added
