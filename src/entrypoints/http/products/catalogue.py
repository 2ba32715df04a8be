"""The dependencies of every read of products: the reader, and how long its answers may be kept."""

from dataclasses import dataclass

from application.catalogue.catalogue_reader import CatalogueReader
from entrypoints.http.conditional_reads import Freshness


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One dependency and not two, because Litestar resolves several in tasks of their own."""

    reader: CatalogueReader
    freshness: Freshness
