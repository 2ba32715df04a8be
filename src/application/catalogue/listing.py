"""How lists of products are narrowed down, ordered and cut into pages."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.errors import InvalidFilter
from domain.product import RegistrationState
from domain.text import words

MOST_WORDS = 10
"""The words that one search may have."""


class SortKey(StrEnum):
    """What products are sorted by: their folded name, their best price, its change over a day or 7 days, their age."""

    NAME = "name"
    PRICE = "price"
    CREATED_AT = "created_at"
    CHANGE_1D = "change_1d"
    CHANGE_7D = "change_7d"


@dataclass(frozen=True, slots=True)
class ProductOrder:
    """An order of products; among equals their ids decide, in the same direction, and nulls come last in both."""

    key: SortKey
    descending: bool = False


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """Which products a list shows: those that pass all of what is given.

    A product has a word if one in its name or description begins with it. Without a best price it passes no bound of
    that. Attention need rejected registrations, conflicts, and products whose last attempt failed.

    Raises:
        InvalidFilter: nothing lies between the prices.
    """

    words: frozenset[str] = frozenset()
    in_stock: bool = False
    min_price: int | None = None
    max_price: int | None = None
    registration: RegistrationState | None = None
    attention: bool = False

    def __post_init__(self) -> None:
        if self.min_price is not None and self.max_price is not None and self.min_price > self.max_price:
            raise InvalidFilter("min_price", "The lowest price must not be above the highest.")


def search_words(text: str) -> frozenset[str]:
    """Return the words that somebody looks for, folded.

    Raises:
        InvalidFilter: there are none, or too many.
    """
    found = frozenset(words(text))
    if not 1 <= len(found) <= MOST_WORDS:
        raise InvalidFilter("q", f"A search has 1 to {MOST_WORDS} words of letters and digits.")
    return found


EVERYTHING = ProductFilter()
NEWEST_FIRST = ProductOrder(SortKey.CREATED_AT, descending=True)


@dataclass(frozen=True, slots=True)
class PagePosition:
    """The sort key and the id of a page's last product: what comes after it is the next page."""

    key: str | datetime | int | None
    id: UUID


@dataclass(frozen=True, slots=True)
class ProductSlice:
    """Some products in their order, and the position of the last of them if there are more.

    `json` is a list of ProductView; `oldest` is the time of the oldest of their observations, None if one has none.
    """

    json: bytes
    oldest: datetime | None
    next: PagePosition | None
