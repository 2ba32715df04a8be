"""The list of products over HTTP: searched, filtered, sorted and read page by page; and its new members."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Controller, Request, get, post
from litestar.params import JSONBody, QueryParameter
from litestar.response.base import ASGIResponse

from application.catalogue.listing import (
    MOST_IDS,
    MOST_WORDS,
    ChangePeriod,
    ProductFilter,
    ProductOrder,
    ProductSlice,
    SortKey,
    search_words,
)
from application.catalogue.registration import RegisterProduct
from application.catalogue.views import ListedProductView, Outcome, ProductView
from domain.product import RegistrationState
from entrypoints.http.conditional_reads import NOT_MODIFIED, answer_read, cache_headers
from entrypoints.http.problems.problem_types import (
    BODY_PROBLEMS,
    CURSOR,
    EXISTS,
    IDEMPOTENCY_IN_PROGRESS,
    IDEMPOTENCY_MISMATCH,
    UNAUTHENTICATED,
    UNAVAILABLE,
    VALIDATION,
    prefix_of,
    problems,
)
from entrypoints.http.products import examples
from entrypoints.http.products.cursors import CURSOR_LENGTH
from entrypoints.http.products.etags import ETAG, etag
from entrypoints.http.products.idempotency import IDEMPOTENCY_KEY, REPLAYED, read_idempotency
from entrypoints.http.products.lists import Lists
from entrypoints.http.products.requests import CreateProductRequest
from entrypoints.http.route_declarations import Declaration, Header, Injected, Rule, declared


class ProductPage(msgspec.Struct, frozen=True):
    """One page of a list; `next` is the cursor of the following page, null on the last."""

    items: list[ListedProductView]
    next: str | None


def _price_bound(which: str) -> QueryParameter:
    return QueryParameter(
        ge=0,
        le=2**63 - 1,
        description=f"The {which} best price; products without one are left out.",
        schema_extra={"minimum": 0},  # Litestar does not describe a bound of zero
    )


Ids = Annotated[
    list[UUID] | None,
    QueryParameter(
        name="id",
        max_items=MOST_IDS,
        description=f"Only the products with these ids, up to {MOST_IDS}: give the parameter once for each. Those that "
        "do not exist are left out. `limit` counts as ever.",
    ),
]
Search = Annotated[
    str | None,
    QueryParameter(
        max_length=200,
        description=f"1 to {MOST_WORDS} words. Each must begin a word of the name or the description, whatever its "
        "case and accents.",
    ),
    Rule(search_words),
]
InStock = Annotated[Literal["true"] | None, QueryParameter(description="Only products that an offer has in stock.")]
MinPrice = Annotated[int | None, _price_bound("lowest")]
MaxPrice = Annotated[int | None, _price_bound("highest")]
Registration = Annotated[
    Literal["pending", "registered", "rejected", "conflict"] | None,
    QueryParameter(description="Only products whose registration with the Offers service is in this state."),
]
Attention = Annotated[
    Literal["true"] | None,
    QueryParameter(
        description="For admins, with their token: only products whose registration is rejected or in conflict, "
        "whose last attempt failed, or whose last observation had rows that could not be read."
    ),
]
Sort = Annotated[
    Literal["name", "-name", "price", "-price", "change", "-change", "created_at", "-created_at"],
    QueryParameter(
        description="Ascending, with `-` descending. `name` ignores case and accents, `price` is the best one. "
        "`change` is that of the best price over the period, as in price-change: the largest fall comes first, with "
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
_PRODUCT = msgspec.json.Decoder(ProductView)
_CHANGES = {ChangePeriod.DAY: SortKey.CHANGE_1D, ChangePeriod.WEEK: SortKey.CHANGE_7D}

_LOCATION = Header(
    "Location",
    "The new product's path.",
    "/products/2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11",
    schema={"format": "uri-reference"},
)
_LINK = Header(
    "Link",
    "The following page, if there is one.",
    '</products?limit=20&cursor=k60tY3JlYXRlZF9hdNf>; rel="next"',
    always=False,
    schema={"pattern": '^<[^>]+>; rel="next"$'},
)


class ListController(Controller):
    """All products: listed for everybody, created by admins."""

    path = "/products"
    tags = ("catalogue",)

    @post(
        operation_id="createProduct",
        summary="Create a product",
        opt=declared(
            Declaration(request_headers=(IDEMPOTENCY_KEY,), answer_headers=(_LOCATION, ETAG, REPLAYED), shows_id=True)
        ),
        responses={201: examples.PRODUCT}
        | problems(
            UNAUTHENTICATED, EXISTS, IDEMPOTENCY_IN_PROGRESS, *UNAVAILABLE, *BODY_PROBLEMS, IDEMPOTENCY_MISMATCH
        ),
    )
    async def create(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[CreateProductRequest],
        register_product: Injected[RegisterProduct],
    ) -> ASGIResponse:
        """Create a product. It is registered with the Offers service in the background; watch its `registration`.

        With an `Idempotency-Key` the same request may be sent again for 24 hours, and is answered as the first time.
        """
        registered = await register_product(
            name=data.name,
            description=data.description,
            product_id=data.id if isinstance(data.id, UUID) else None,
            idempotency=read_idempotency(request, msgspec.json.encode(data), _only),
        )
        body = registered.answer or _only(registered.outcomes)
        product = _PRODUCT.decode(body) if registered.replayed else registered.product
        location = f"{prefix_of(request.scope['state'])}/products/{product.id}"
        headers = {"Location": location} | cache_headers(etag(product), None)
        if registered.replayed:
            headers[REPLAYED.name] = "true"
        return ASGIResponse(body=body, status_code=201, headers=headers)

    @get(
        operation_id="listProducts",
        summary="List products",
        opt=declared(
            Declaration(
                public=True,
                admin_parameters=frozenset({"attention"}),
                conditional=True,
                answer_headers=(_LINK,),
            )
        ),
        responses={200: examples.page(ProductPage)}
        | NOT_MODIFIED
        | problems(CURSOR, UNAUTHENTICATED, VALIDATION, *UNAVAILABLE),
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
    ) -> ASGIResponse:
        """List the products that pass all filters, page by page, newest first by default.

        Sorted by `change`, or with a `period`, each product carries the change of its best price over the period.
        Following `next` never skips or repeats a product whose sort key did not change meanwhile.
        """
        wanted = ProductFilter(
            words=frozenset() if q is None else search_words(q),
            ids=frozenset(ids or ()),
            in_stock=in_stock is not None,
            min_price=min_price,
            max_price=max_price,
            registration=RegistrationState(registration) if registration else None,
            attention=attention is not None,
        )
        by_change = sort.removeprefix("-") == "change"
        change = ChangePeriod(period) if period else ChangePeriod.DAY if by_change else None
        order = _order(sort, change)
        after = None if cursor is None else lists.cursors.read(cursor, order, wanted)
        found = await lists.reader.products(limit, order, after, wanted, change)
        # The list of products that need attention is for admins alone, so nobody may keep it.
        max_age = None if wanted.attention else lists.freshness(found.oldest)
        if found.next is None:
            return answer_read(request, _page(found, None), max_age=max_age)
        next_cursor = lists.cursors.write(order, wanted, found.next)
        given = {
            "id": ids,
            "q": q,
            "in_stock": in_stock,
            "min_price": min_price,
            "max_price": max_price,
            "registration": registration,
            "attention": attention,
            "sort": sort,
            "period": period,
            "limit": limit,
            "cursor": next_cursor,
        }
        query = urlencode({name: value for name, value in given.items() if value is not None}, doseq=True)
        link = {"Link": f'<{prefix_of(request.scope["state"])}/products?{query}>; rel="next"'}
        return answer_read(request, _page(found, next_cursor), max_age=max_age, headers=link)


def _only(outcomes: Sequence[Outcome]) -> bytes:
    return msgspec.json.encode(outcomes[0])


def _page(found: ProductSlice, next_cursor: str | None) -> bytes:
    # The JSON of a ProductPage, whose items are encoded already.
    return b'{"items":%b,"next":%b}' % (found.json, msgspec.json.encode(next_cursor))


def _order(sort: str, change: ChangePeriod | None) -> ProductOrder:
    key = sort.removeprefix("-")
    return ProductOrder(_CHANGES[change] if change and key == "change" else SortKey(key), descending=sort != key)
