"""The dependencies of the list of products: the readers, the freshness of their answers, and the cursors."""

from dataclasses import dataclass

from application.catalogue.catalogue_reader import CatalogueReader
from entrypoints.http.conditional_reads import Freshness
from entrypoints.http.products.as_of import Past
from entrypoints.http.products.cursors import Cursors


@dataclass(frozen=True, slots=True)
class Lists:
    """One dependency and not four, because Litestar resolves several in tasks of their own."""

    reader: CatalogueReader
    freshness: Freshness
    cursors: Cursors
    past: Past
