"""A defect of ours, where every list comes by."""

from dataclasses import dataclass, field

from application.catalogue.listing import (
    EVERYTHING,
    NEWEST_FIRST,
    ChangePeriod,
    PagePosition,
    ProductFilter,
    ProductOrder,
    ProductSlice,
)
from fakes.catalogue_reader import InMemoryCatalogueReader

TOLD_TO_NOBODY = "SELECT password FROM /srv/app/product.py"


@dataclass(frozen=True)
class DefectiveReader(InMemoryCatalogueReader):
    """Fails at lists with an unexpected error."""

    failure: Exception = field(default_factory=lambda: RuntimeError(TOLD_TO_NOBODY))

    async def products(
        self,
        limit: int,
        order: ProductOrder = NEWEST_FIRST,
        after: PagePosition | None = None,
        wanted: ProductFilter = EVERYTHING,
        change: ChangePeriod | None = None,
    ) -> ProductSlice:
        raise self.failure
