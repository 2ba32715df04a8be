"""The port through which a whole catalogue is read."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol
from uuid import UUID

from application.catalogue.listing import EVERYTHING, ProductFilter


class CatalogueExport(Protocol):
    """Reads any number of products as they were at one moment, in a memory that does not grow with them."""

    def __call__(
        self, wanted: ProductFilter = EVERYTHING, after: UUID | None = None
    ) -> AsyncGenerator[Sequence[bytes], None]:
        """Give the wanted products in the order of their ids, beginning behind `after`, in batches.

        Each is a ProductView as JSON in UTF-8, without line breaks. No withdrawn product is among them. A caller that
        stops early must close the generator, which ends the read.

        Raises:
            StorageUnavailable: at any batch.
        """
