"""The names of the products that alerts are about."""

from collections.abc import Iterable
from uuid import UUID

import msgspec

from application.catalogue.catalogue_reader import CatalogueReader
from application.catalogue.listing import MOST_IDS, NEWEST_FIRST, ProductFilter
from application.catalogue.views import ProductView

STATES, TRANSITIONS = 50, 50
"""States and transitions of an alert that its page shows, and whose products it may be tried over."""
_PRODUCTS = msgspec.json.Decoder(list[ProductView])


async def names_of(reader: CatalogueReader, product_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the names of the products that exist."""
    ids = sorted(set(product_ids))
    names: dict[UUID, str] = {}
    for first in range(0, len(ids), MOST_IDS):
        chosen = ProductFilter(ids=frozenset(ids[first : first + MOST_IDS]))
        found = await reader.products(MOST_IDS, NEWEST_FIRST, None, chosen)
        names.update((product.id, product.name) for product in _PRODUCTS.decode(found.json))
    return names
