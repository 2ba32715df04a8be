"""The catalogue as people browse it: search, filters, orders and pages, all of them links."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Controller, Request, get, post
from litestar.response.base import ASGIResponse

from application.catalogue.listing import ProductFilter, ProductOrder, SortKey, search_words
from application.catalogue.views import ProductView
from application.prices.trends import PriceTrend, PriceTrends
from domain.errors import InvalidFilter
from domain.product import RegistrationState
from entrypoints.http.openapi.discovery import description_links
from entrypoints.http.problems.cursor_mismatch import CursorMismatch
from entrypoints.http.problems.problem_types import prefix_of
from entrypoints.http.products.lists import Lists
from entrypoints.http.route_declarations import PUBLIC, Injected
from entrypoints.web.charts.sparkline import sparkline
from entrypoints.web.formats import Change, Formats
from entrypoints.web.pages import Pages, local_path, not_modified, see_other
from entrypoints.web.sessions import require_same_site
from entrypoints.web.viewer import THEME, THEMES

PRODUCTS_SHOWN = 25
LONGEST_SEARCH = 200

ORDERS: Mapping[str, tuple[str, ProductOrder]] = {
    "drop": ("biggest drop in 24 h", ProductOrder(SortKey.CHANGE_1D)),
    "rise": ("biggest rise in 24 h", ProductOrder(SortKey.CHANGE_1D, descending=True)),
    "price": ("lowest price", ProductOrder(SortKey.PRICE)),
    "-price": ("highest price", ProductOrder(SortKey.PRICE, descending=True)),
    "name": ("name", ProductOrder(SortKey.NAME)),
    "new": ("newest", ProductOrder(SortKey.CREATED_AT, descending=True)),
}
CHIPS = {"stock": "In stock", "low": "At its 7-day low", "dropped": "Dropped today"}

_PRODUCTS = msgspec.json.Decoder(list[ProductView])
_WITHOUT_PRICE = {
    RegistrationState.PENDING: "not registered yet",
    RegistrationState.REJECTED: "not available",
    RegistrationState.CONFLICT: "not available",
}


@dataclass(frozen=True, slots=True)
class Query:
    """What the link asks for; everything that it does not know is left out."""

    search: str
    chips: frozenset[str]
    sort: str
    after: str | None
    tz: str

    @classmethod
    def of(cls, request: Request[Any, Any, Any], tz: str) -> "Query":
        """Read a link that names this time zone, or none."""
        given = request.query_params
        sort = given.get("sort", "drop")
        return cls(
            search=" ".join(given.get("q", "")[:LONGEST_SEARCH].split()),
            chips=frozenset(name for name in CHIPS if given.get(name) == "1"),
            sort=sort if sort in ORDERS else "drop",
            after=given.get("after"),
            tz=tz,
        )

    def link(self, **changes: Any) -> str:
        """Return the link to the same list with other chips, order or page."""
        chips, sort, after = changes.get("chips", self.chips), changes.get("sort", self.sort), changes.get("after")
        given = {"q": self.search, **dict.fromkeys(sorted(chips), "1"), "sort": sort if sort != "drop" else ""}
        query = urlencode({name: value for name, value in {**given, "after": after, "tz": self.tz}.items() if value})
        return f"/?{query}" if query else "/"

    def toggled(self, chip: str) -> str:
        """Return the link that switches a chip."""
        return self.link(chips=self.chips ^ {chip})

    @property
    def export(self) -> str | None:
        """The path of the same products as CSV; None where an export has no such filter."""
        if self.chips - {"stock"}:
            return None
        query = urlencode(({"q": self.search} if self.search else {}) | ({"in_stock": "true"} if self.chips else {}))
        return f"/exports/products.csv?{query}" if query else "/exports/products.csv"

    @property
    def wanted(self) -> ProductFilter:
        """The filter of the list.

        Raises:
            InvalidFilter: the search has no words, or too many.
        """
        return ProductFilter(
            words=search_words(self.search) if self.search else frozenset(),
            in_stock="stock" in self.chips,
            at_low="low" in self.chips,
            dropped="dropped" in self.chips,
        )


@dataclass(frozen=True, slots=True)
class ListRow:
    """A product of the list."""

    id: UUID
    name: str
    price: str | None
    state: str
    """Why there is no price, or that it is the last one known."""
    change: Change | None
    amount: str
    """The change in the prices' own unit, by which lists are sorted."""
    line: str
    verdict: str
    """What the price is worth; empty if that is not certain."""
    offers: str
    seen: str


class CatalogueController(Controller):
    """The list of products."""

    include_in_schema = False
    opt = PUBLIC

    @get("/")
    async def browse(
        self,
        request: Request[Any, Any, Any],
        lists: Injected[Lists],
        price_trends: Injected[PriceTrends],
        pages: Injected[Pages],
    ) -> ASGIResponse:
        """Show a page of products."""
        query, formats = Query.of(request, pages.zone_of_link(request)), pages.formats(request)
        mistake = ""
        json, next_page = b"[]", None
        order = ORDERS[query.sort][1]
        try:
            after = None if query.after is None else lists.cursors.read(query.after, order, query.wanted)
            found = await lists.reader.products(PRODUCTS_SHOWN, order, after, query.wanted)
            json = found.json
            if found.next is not None:
                next_page = query.link(after=lists.cursors.write(order, query.wanted, found.next))
        except InvalidFilter as error:
            mistake = str(error)
        except CursorMismatch:
            return see_other(request, query.link())
        products = _PRODUCTS.decode(json)
        trends = await price_trends.of([product.id for product in products], formats.now) if products else {}
        tag, unchanged = pages.unchanged(request, formats, json, trends)
        if unchanged:
            return not_modified(tag)
        return pages.show(
            request,
            "catalogue.html",
            formats,
            tag=tag,
            headers={"Link": description_links(prefix_of(request.scope["state"]))},
            query=query,
            chips=CHIPS,
            orders=ORDERS,
            rows=[_row(product, trends[product.id], formats) for product in products],
            next_page=next_page,
            mistake=mistake,
        )

    @post("/preferences", status_code=303)
    async def prefer(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        """Remember the theme that a form chose, and go back to where it was."""
        require_same_site(request)
        form = await request.form()
        theme = form.get("theme")
        value, seconds = (theme, 31_536_000) if theme in THEMES else ("", 0)
        back = local_path(form.get("next"), "/")
        return see_other(request, back, f"{THEME}={value}; Path=/; Max-Age={seconds}; SameSite=Lax")


def _row(product: ProductView, trend: PriceTrend, formats: Formats) -> ListRow:
    best = product.best_offer
    price = None if best is None else best.price
    before = None if price is None or trend.change_1d is None else price - trend.change_1d
    return ListRow(
        id=product.id,
        name=product.name,
        price=None if price is None else formats.number(price),
        state=_state(product, formats),
        change=None if product.stale else formats.change(before, price),
        amount="" if product.stale or price is None or before is None else formats.signed(price - before),
        line=sparkline(trend.prices),
        verdict="" if price is None or product.stale or trend.verdict is None else trend.verdict.value,
        offers=_offers(trend.offers, product),
        seen="" if product.observed_at is None else formats.age(product.observed_at),
    )


def _offers(known: int, product: ProductView) -> str:
    if not known or product.stale:
        return ""
    return f"{known} {'offer' if known == 1 else 'offers'}, {product.offers_in_stock} in stock"


def _state(product: ProductView, formats: Formats) -> str:
    if product.registration.state is not RegistrationState.REGISTERED:
        return _WITHOUT_PRICE[product.registration.state]
    if product.observed_at is None:
        return "not observed yet"
    if product.stale:
        return f"last known {formats.age(product.observed_at)}"
    return "out of stock" if product.best_offer is None else ""
