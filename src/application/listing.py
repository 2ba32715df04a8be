"""How lists of products are ordered and cut into pages."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from application.views import ProductView


class SortKey(StrEnum):
    """What products are sorted by; the changes are of the best price over a day and over 7 days."""

    CREATED_AT = "created_at"
    CHANGE_1D = "change_1d"
    CHANGE_7D = "change_7d"


@dataclass(frozen=True, slots=True)
class ProductOrder:
    """An order of products; among equals their ids decide, in the same direction, and nulls come last in both."""

    key: SortKey
    descending: bool = False


NEWEST_FIRST = ProductOrder(SortKey.CREATED_AT, descending=True)


@dataclass(frozen=True, slots=True)
class PagePosition:
    """The sort key and the id of a page's last product: what comes after it is the next page."""

    key: datetime | int | None
    id: UUID


@dataclass(frozen=True, slots=True)
class ProductSlice:
    """Some products in their order, and the position of the last of them if there are more."""

    items: list[ProductView]
    next: PagePosition | None
