"""Lists of products in memory: which are wanted, and what order they are in."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from application.catalogue.as_of import BestOfferAsOfView
from application.catalogue.listing import PagePosition, ProductFilter, ProductOrder, SortKey, name_key
from domain.offer import Offer
from domain.product import Product, RegistrationState
from domain.text import words
from fakes.storage import Rows

NOTHING = None, None, None
"""The changes and the low of a product of which nothing was computed."""


def facts_of_then(rows: Rows, facts: Mapping[UUID, tuple[BestOfferAsOfView | None, int | None]]) -> Rows:
    """Return these products alone, with these facts in the place of the present ones."""
    then = rows.copy()
    then.products.clear()
    for id, (best, in_stock) in facts.items():
        row = rows.synchronisations[id]
        offer = Offer(best.id, best.price, 1) if best else None
        then.products[id] = rows.products[id]
        then.synchronisations[id] = replace(
            row, state=replace(row.state, best_offer=offer, offers_in_stock=in_stock or 0)
        )
    return then


def positions_behind(
    rows: Rows, order: ProductOrder, after: PagePosition | None, wanted: ProductFilter, now: datetime
) -> list[PagePosition]:
    """Return the places of all wanted products from behind `after`, in order."""
    positions = [PagePosition(_key(rows, each, order.key), each.id) for each in wanted_products(rows, wanted, now)]
    keyed: list[Any] = [each for each in positions if each.key is not None]
    nulls = [each for each in positions if each.key is None]
    keyed.sort(key=lambda each: (each.key, each.id), reverse=order.descending)
    nulls.sort(key=lambda each: each.id, reverse=order.descending)
    return [each for each in keyed + nulls if after is None or _is_behind(each, after, order)]


def wanted_products(rows: Rows, wanted: ProductFilter, now: datetime) -> list[Product]:
    """Return the products that pass all filters."""
    return [each for each in rows.products.values() if _passes(rows, each, wanted, now)]


def _key(rows: Rows, product: Product, key: SortKey) -> str | datetime | int | None:
    day, week, _ = rows.changes.get(product.id, NOTHING)
    keys: dict[SortKey, str | datetime | int | None] = {
        SortKey.NAME: name_key(product.name),
        SortKey.PRICE: _best_price(rows, product),
        SortKey.CHANGE_1D: day.change if day else None,
        SortKey.CHANGE_7D: week.change if week else None,
        SortKey.CREATED_AT: product.created_at,
    }
    return keys[key]


def _is_behind(one: PagePosition, other: PagePosition, order: ProductOrder) -> bool:
    if (one.key is None) != (other.key is None):
        return one.key is None
    pair: tuple[Any, Any] = (one.key, one.id), (other.key, other.id)
    if one.key is None:
        pair = one.id, other.id
    return bool(pair[0] < pair[1] if order.descending else pair[0] > pair[1])


def _best_price(rows: Rows, product: Product) -> int | None:
    best = rows.synchronisations[product.id].state.best_offer
    return best.price if best else None


def _passes(rows: Rows, product: Product, wanted: ProductFilter, now: datetime) -> bool:
    day, _, low = rows.changes.get(product.id, NOTHING)
    state, registration = rows.synchronisations[product.id].state, product.registration.state
    price, found = _best_price(rows, product), words(product.name) + words(product.description)
    dead_end = registration in (RegistrationState.REJECTED, RegistrationState.CONFLICT)
    return (
        all(any(each.startswith(word) for each in found) for word in wanted.words)
        and (not wanted.ids or product.id in wanted.ids)
        and (not wanted.in_stock or state.offers_in_stock > 0)
        and (wanted.min_price is None or (price is not None and price >= wanted.min_price))
        and (wanted.max_price is None or (price is not None and price <= wanted.max_price))
        and (wanted.registration is None or registration is wanted.registration)
        and (not wanted.attention or dead_end or state.consecutive_failures > 0 or state.refused_rows > 0)
        and (not wanted.dropped or (day is not None and day.change < 0))
        and (not wanted.at_low or (price is not None and low is not None and price <= low))
        and (not wanted.stale or (state.known_until is not None and state.known_until < now))
    )
