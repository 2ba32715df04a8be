"""A defect of ours, where every list comes by."""

from application.listing import EVERYTHING, NEWEST_FIRST, PagePosition, ProductFilter, ProductOrder, ProductSlice
from fake_reads import InMemoryCatalogueReader

TOLD_TO_NOBODY = "SELECT password FROM /srv/app/product.py"


class DefectiveReader(InMemoryCatalogueReader):
    """Fails at lists in a way that nobody expects."""

    async def products(
        self,
        limit: int,
        order: ProductOrder = NEWEST_FIRST,
        after: PagePosition | None = None,
        wanted: ProductFilter = EVERYTHING,
    ) -> ProductSlice:
        raise RuntimeError(TOLD_TO_NOBODY)
