"""The names of the products that alerts are about."""

from collections.abc import Iterable
from uuid import UUID

import msgspec

from application.catalogue.catalogue_reader import CatalogueReader
from application.catalogue.listing import MOST_IDS, NEWEST_FIRST, ProductFilter
from application.catalogue.views import ProductView

STATES, TRANSITIONS = 50, 50
"""States and transitions of an alert that are read, for its page and for products to try it over."""
_PRODUCTS = msgspec.json.Decoder(list[ProductView])


async def names_of(reader: CatalogueReader, product_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the names of those products that are there."""
    ids = sorted(set(product_ids))
    names: dict[UUID, str] = {}
    for first in range(0, len(ids), MOST_IDS):
        chosen = ProductFilter(ids=frozenset(ids[first : first + MOST_IDS]))
        found = await reader.products(MOST_IDS, NEWEST_FIRST, None, chosen)
        names.update((product.id, product.name) for product in _PRODUCTS.decode(found.json))
    return names
