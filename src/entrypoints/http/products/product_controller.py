"""The catalogue's products over HTTP, one at a time."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Controller, MediaType, Request, Response, delete, get, patch, post
from litestar.params import JSONBody, PathParameter, QueryParameter
from litestar.response.base import ASGIResponse
from msgspec import UNSET, Meta, UnsetType

from application.catalogue.registration import AmendProduct, RetryRegistration, WithdrawProduct
from application.catalogue.views import SynchronisationView
from domain.product import DESCRIPTION_LENGTH, NAME_LENGTH
from entrypoints.http.auth.access_tokens import ADMIN_ONLY
from entrypoints.http.conditional_reads import (
    NO_STORE,
    NOT_MODIFIED,
    Catalogue,
    answer_read,
)
from entrypoints.http.injection import Injected
from entrypoints.http.openapi import examples
from entrypoints.http.openapi.schemas import NO_NUL, NOT_BLANK
from entrypoints.http.problems.problem_types import (
    EXISTS,
    PRECONDITION,
    PRODUCT_MISSING,
    UNAUTHENTICATED,
    UNAVAILABLE,
    VALIDATION,
    problems,
)
from entrypoints.http.products.etags import etag, etag_with_content, expected_revisions
from entrypoints.http.request_validation import BODY_PROBLEMS

ProductId = Annotated[UUID, PathParameter(description="The product's id.")]
# What the domain refuses is described only, so that it is refused in the domain's words.
Name = Annotated[
    str,
    Meta(
        description=f"1 to {NAME_LENGTH} characters after trimming; unique.",
        examples=["Cordless drill 18 V"],
        extra_json_schema={"extra": {"min_length": 1, "max_length": NAME_LENGTH, "pattern": NOT_BLANK}},
    ),
]
Description = Annotated[
    str,
    Meta(
        max_length=DESCRIPTION_LENGTH,
        examples=["Two batteries, charger, case."],
        extra_json_schema={"extra": {"pattern": NO_NUL}},
    ),
]


class AmendProductRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; a field that is not given stays as it is."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET


InStock = Annotated[
    Literal["any"] | None, QueryParameter(description="`any` shows the offers that sold out within the last day too.")
]


class ProductController(Controller):
    """One product: amended and withdrawn by admins, read by everybody."""

    path = "/products"
    tags = ("catalogue",)

    @get(
        "/{product_id:uuid}",
        operation_id="getProduct",
        summary="Read a product with its offers",
        responses={200: examples.DETAIL} | NOT_MODIFIED | problems(*PRODUCT_MISSING, VALIDATION, *UNAVAILABLE),
    )
    async def read(
        self,
        request: Request[Any, Any, Any],
        product_id: ProductId,
        catalogue: Injected[Catalogue],
        in_stock: InStock = None,
    ) -> ASGIResponse:
        """Read a product with its offers, cheapest first."""
        shown = await catalogue.reader.detail(product_id, sold_out_too=in_stock == "any")
        # What sold out leaves the answer a day later, without an observation.
        tag = etag(shown.version) if in_stock is None else etag_with_content(shown.version, shown.json)
        return answer_read(request, shown.json, max_age=catalogue.freshness(shown.version.observed_at), tag=tag)

    @get(
        "/{product_id:uuid}/offers",
        operation_id="listOffers",
        summary="Read the offers of a product",
        responses={200: examples.OFFERS} | NOT_MODIFIED | problems(*PRODUCT_MISSING, VALIDATION, *UNAVAILABLE),
    )
    async def offers(
        self,
        request: Request[Any, Any, Any],
        product_id: ProductId,
        catalogue: Injected[Catalogue],
        in_stock: InStock = None,
    ) -> ASGIResponse:
        """Read who offers the product, cheapest first, as one observation showed it."""
        shown = await catalogue.reader.offers(product_id, sold_out_too=in_stock == "any")
        return answer_read(request, shown.json, max_age=catalogue.freshness(shown.version.observed_at))

    @patch(
        "/{product_id:uuid}",
        operation_id="amendProduct",
        security=ADMIN_ONLY,
        response_headers=NO_STORE,
        summary="Amend a product",
        responses={200: examples.PRODUCT}
        | problems(UNAUTHENTICATED, *PRODUCT_MISSING, EXISTS, PRECONDITION, *UNAVAILABLE, *BODY_PROBLEMS),
    )
    async def amend(
        self,
        request: Request[Any, Any, Any],
        product_id: ProductId,
        data: JSONBody[AmendProductRequest],
        amend_product: Injected[AmendProduct],
        catalogue: Injected[Catalogue],
    ) -> Response[bytes]:
        """Change the name, the description or both. The Offers service knows no update, so it never hears of it."""
        given = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not UNSET}
        await amend_product(product_id, **given, expected=expected_revisions(request))
        shown = await catalogue.reader.product(product_id)
        return Response(shown.json, headers={"ETag": etag(shown.version)})

    @delete(
        "/{product_id:uuid}",
        operation_id="withdrawProduct",
        security=ADMIN_ONLY,
        response_headers=NO_STORE,
        summary="Withdraw a product",
        response_description="The product is gone",
        responses=problems(UNAUTHENTICATED, *PRODUCT_MISSING, PRECONDITION, VALIDATION, *UNAVAILABLE),
    )
    async def withdraw(
        self,
        request: Request[Any, Any, Any],
        product_id: ProductId,
        withdraw_product: Injected[WithdrawProduct],
    ) -> None:
        """Withdraw a product: gone from every read at once, its name free again; its id stays taken for a while."""
        await withdraw_product(product_id, expected=expected_revisions(request))

    @post(
        "/{product_id:uuid}/register",
        status_code=202,
        media_type=MediaType.TEXT,  # as JSON, the empty answer would be "null"
        operation_id="retryRegistration",
        security=ADMIN_ONLY,
        response_headers=NO_STORE,
        summary="Try a product's registration again now",
        response_description="It is tried in the background, unless the product is registered",
        responses=problems(UNAUTHENTICATED, *PRODUCT_MISSING, VALIDATION, *UNAVAILABLE),
    )
    async def register(self, product_id: ProductId, retry_registration: Injected[RetryRegistration]) -> None:
        """Try a registration that is pending, rejected or in conflict again now; a registered one stays as it is."""
        await retry_registration(product_id)

    @get(
        "/{product_id:uuid}/synchronisation",
        operation_id="getSynchronisation",
        security=ADMIN_ONLY,
        response_headers=NO_STORE,
        summary="See how registering and observing a product goes",
        responses={200: examples.SYNCHRONISATION}
        | problems(UNAUTHENTICATED, *PRODUCT_MISSING, VALIDATION, *UNAVAILABLE),
    )
    async def synchronisation(self, product_id: ProductId, catalogue: Injected[Catalogue]) -> SynchronisationView:
        """See when the product was attempted last, what went wrong and when it is due next; a past time means now."""
        return await catalogue.reader.synchronisation(product_id)
