"""Filters, orders and pages of product lists."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.errors import InvalidFilter
from domain.product import RegistrationState
from domain.text import fold, words

SORTED_LENGTH = 600
MOST_WORDS = 10
"""Words of one search at most."""
MOST_IDS = 100
"""Ids of one list at most."""


class SortKey(StrEnum):
    """Sort keys: the folded name, the best price, its change over 1 or 7 days, the time of creation.

    Names compare by the first `SORTED_LENGTH` characters of their folded text, code point by code point.
    """

    NAME = "name"
    PRICE = "price"
    CREATED_AT = "created_at"
    CHANGE_1D = "change_1d"
    CHANGE_7D = "change_7d"


class ChangePeriod(StrEnum):
    """The periods over which the worker keeps the changes of all best prices."""

    DAY = "P1D"
    WEEK = "P7D"


@dataclass(frozen=True, slots=True)
class ProductOrder:
    """An order of products. Equal keys are ordered by id in the same direction; nulls come last in both directions."""

    key: SortKey
    descending: bool = False


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """The products that a list shows: those that pass every given filter.

    A product matches a word if a word of its name or description begins with it. `ids` selects the products with one
    of these ids. A product without a best price passes no price bound. `dropped` selects products whose best price fell
    over a day, `at_low` those at their low (`ListedChanges`), `stale` those whose last observation is too old to be
    trusted, `attention` selects rejected registrations, conflicts, and products whose last attempt failed, or whose
    last observation had rows that could not be read.

    Raises:
        InvalidFilter: the price bounds exclude every price.
    """

    words: frozenset[str] = frozenset()
    ids: frozenset[UUID] = frozenset()
    in_stock: bool = False
    min_price: int | None = None
    max_price: int | None = None
    registration: RegistrationState | None = None
    attention: bool = False
    dropped: bool = False
    at_low: bool = False
    stale: bool = False

    def __post_init__(self) -> None:
        if self.min_price is not None and self.max_price is not None and self.min_price > self.max_price:
            raise InvalidFilter("min_price", "The lowest price must not be above the highest.")


def name_key(name: str) -> str:
    """Return the key by which lists sort names."""
    return fold(name)[:SORTED_LENGTH]


def search_words(text: str) -> frozenset[str]:
    """Return the folded words of a search.

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
    """The sort key and the id of a page's last product; the next page begins behind it."""

    key: str | datetime | int | None
    id: UUID


@dataclass(frozen=True, slots=True)
class ProductSlice:
    """Products in their order, and the position of the last one if there are more.

    `json` is a list of ListedProductView; `oldest` is the time of their oldest observation, None if one was never
    observed.
    """

    json: bytes
    oldest: datetime | None
    next: PagePosition | None
