"""The list of products over HTTP: searched, filtered, sorted and read page by page."""

from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Controller, Request, get
from litestar.params import QueryParameter
from litestar.response.base import ASGIResponse

from application.access.actor import Scope
from application.catalogue.as_of import ListedProductAsOfView
from application.catalogue.listing import ChangePeriod, PagePosition, ProductOrder, ProductSlice, SortKey
from application.catalogue.views import ListedProductView
from domain.errors import InvalidFilter
from entrypoints.http.conditional_reads import NOT_MODIFIED, answer_read
from entrypoints.http.problems.problem_types import (
    BEYOND_RETENTION,
    CURSOR,
    PROTECTED,
    UNAVAILABLE,
    VALIDATION,
    prefix_of,
    problems,
)
from entrypoints.http.products.as_of import At, answer_past, page_answer
from entrypoints.http.products.cursors import CURSOR_LENGTH
from entrypoints.http.products.filters import (
    Attention,
    Ids,
    InStock,
    MaxPrice,
    MinPrice,
    Registration,
    Search,
    read_filter,
)
from entrypoints.http.products.lists import Lists
from entrypoints.http.route_declarations import Declaration, Header, Injected, declared
from entrypoints.http.times import read_at


class ProductPage(msgspec.Struct, frozen=True):
    """One page of a list; `next` is the cursor of the following page, null on the last."""

    items: list[ListedProductView]
    next: str | None


class ProductPageAsOf(msgspec.Struct, frozen=True):
    """One page of a list at the past time `as_of`; `next` is the cursor of the following page, null on the last.

    With a filter by price or stock a page may have few products, or none, and more follow: a page looks at 2 000.
    """

    items: list[ListedProductAsOfView]
    next: str | None
    as_of: datetime


Sort = Annotated[
    Literal["name", "-name", "price", "-price", "change", "-change", "created_at", "-created_at"],
    QueryParameter(
        description="Ascending, with `-` descending. `name` ignores case and accents, `price` is the best one. "
        "`change` is the one of the best price over the period, as in price-change: the largest fall comes first, with "
        "`-` the largest rise; it is at most five minutes old. Products without a price or a change come last."
    ),
]
Period = Annotated[
    Literal["P1D", "P7D"] | None,
    QueryParameter(
        description="The period of the `change` that the products carry and may be sorted by; when they are sorted by "
        "it, P1D by default."
    ),
]
Limit = Annotated[int, QueryParameter(ge=1, le=100, description="Products per page.")]
Cursor = Annotated[
    str | None,
    QueryParameter(
        max_length=CURSOR_LENGTH,
        description="`next` of the page before; all other parameters but `limit` must be the same as for that page.",
    ),
]
_CHANGES = {ChangePeriod.DAY: SortKey.CHANGE_1D, ChangePeriod.WEEK: SortKey.CHANGE_7D}

_LINK = Header(
    "Link",
    "The following page, if there is one.",
    '</products?limit=20&cursor=k60tY3JlYXRlZF9hdNf>; rel="next"',
    always=False,
    schema={"pattern": '^<[^>]+>; rel="next"$'},
)


class ListController(Controller):
    """All products, listed for everybody."""

    path = "/products"
    tags = ("catalogue",)

    @get(
        operation_id="listProducts",
        summary="List products",
        opt=declared(
            Declaration(
                public=True,
                scope=Scope.SYNCHRONISATION_READ,
                admin_parameters=frozenset({"attention"}),
                conditional=True,
                answer_headers=(_LINK,),
            )
        ),
        responses={200: page_answer(ProductPageAsOf | ProductPage)}
        | NOT_MODIFIED
        | problems(CURSOR, *PROTECTED, VALIDATION, BEYOND_RETENTION, *UNAVAILABLE),
    )
    async def page(
        self,
        request: Request[Any, Any, Any],
        lists: Injected[Lists],
        ids: Ids = None,
        q: Search = None,
        in_stock: InStock = None,
        min_price: MinPrice = None,
        max_price: MaxPrice = None,
        registration: Registration = None,
        attention: Attention = None,
        sort: Sort = "-created_at",
        period: Period = None,
        limit: Limit = 20,
        cursor: Cursor = None,
        at: At = None,
    ) -> ASGIResponse:
        """List the products that pass all filters, page by page, newest first by default.

        Sorted by `change`, or with a `period`, each product carries the change of its best price over the period.
        Following `next` never skips or repeats a product whose sort key did not change meanwhile. With `at` the list
        is of a past time: prices and stock are filtered and sorted as they were then, and products that were created
        later are left out. Changes and `attention` are known of the present only.
        """
        wanted = read_filter(ids, q, in_stock, min_price, max_price, registration, attention)
        by_change = sort.removeprefix("-") == "change"
        change = ChangePeriod(period) if period else ChangePeriod.DAY if by_change else None
        order = _order(sort, change)
        moment = None if at is None else read_at(at)
        after = None if cursor is None else lists.cursors.read(cursor, order, wanted, moment)
        given = {
            "id": ids,
            "q": q,
            "in_stock": in_stock,
            "min_price": min_price,
            "max_price": max_price,
            "registration": registration,
            "attention": attention,
            "period": period,
            "at": at,
        }

        def follow(last: PagePosition | None) -> tuple[str | None, dict[str, str]]:
            if last is None:
                return None, {}
            following = lists.cursors.write(order, wanted, last, moment)
            filters = urlencode({name: value for name, value in given.items() if value is not None}, doseq=True)
            # The rest needs no quotes, and looking for what does takes a tenth of the time of a list.
            query = f"sort={sort}&limit={limit}&cursor={following}" + (f"&{filters}" if filters else "")
            return following, {"Link": f'<{prefix_of(request.scope["state"])}/products?{query}>; rel="next"'}

        if moment is not None:
            if period is not None:
                raise InvalidFilter("period", "Changes are known of the present only; leave out `at`.")
            past = await lists.past.products(request, moment, limit, order, after, wanted)
            following, link = follow(past.next)
            page = ProductPageAsOf(list(past.items), following, moment)
            return answer_past(request, page, final=past.final, max_age=lists.freshness(past.oldest), headers=link)
        found = await lists.reader.products(limit, order, after, wanted, change)
        following, link = follow(found.next)
        # The list of products that need attention is for admins alone, so no cache may keep it.
        max_age = None if wanted.attention else lists.freshness(found.oldest)
        return answer_read(request, _page(found, following), max_age=max_age, headers=link)


def _page(found: ProductSlice, next_cursor: str | None) -> bytes:
    # The JSON of a ProductPage, whose items are encoded already.
    return b'{"items":%b,"next":%b}' % (found.json, msgspec.json.encode(next_cursor))


def _order(sort: str, change: ChangePeriod | None) -> ProductOrder:
    key = sort.removeprefix("-")
    return ProductOrder(_CHANGES[change] if change and key == "change" else SortKey(key), descending=sort != key)
