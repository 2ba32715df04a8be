"""Edits of single products over HTTP, by admins and keys, and the progress of registering and observing."""

from typing import Any

import msgspec
from litestar import MediaType, Request, Response, delete, get, patch, post, put
from litestar.params import JSONBody
from msgspec import UNSET

from application.access.actor import Actor, Scope
from application.catalogue.editing import AmendProduct, WithdrawProduct
from application.catalogue.registration import RetryRegistration
from application.catalogue.views import SynchronisationView
from entrypoints.http.conditional_reads import NO_STORE
from entrypoints.http.problems.problem_types import (
    BODY_PROBLEMS,
    EXISTS,
    PRECONDITION,
    PRODUCT_MISSING,
    PROTECTED,
    UNAVAILABLE,
    VALIDATION,
    problems,
)
from entrypoints.http.products import examples
from entrypoints.http.products.catalogue import Catalogue
from entrypoints.http.products.etags import ETAG, PRECONDITIONS, etag, expected_revisions
from entrypoints.http.products.parameters import ProductId
from entrypoints.http.products.requests import AmendProductRequest, ReplaceProductRequest
from entrypoints.http.route_declarations import Declaration, Injected, declared

_EDIT = declared(
    Declaration(scope=Scope.CATALOGUE_WRITE, request_headers=PRECONDITIONS, answer_headers=(ETAG,), shows_id=True)
)
_EDITED = {200: examples.PRODUCT} | problems(
    *PROTECTED, *PRODUCT_MISSING, EXISTS, PRECONDITION, *UNAVAILABLE, *BODY_PROBLEMS
)


@patch(
    "/products/{product_id:uuid}",
    operation_id="amendProduct",
    tags=["editing"],
    summary="Amend a product",
    opt=_EDIT,
    response_headers=NO_STORE,
    responses=_EDITED,
)
async def amend(
    request: Request[Any, Any, Any],
    product_id: ProductId,
    data: JSONBody[AmendProductRequest],
    amend_product: Injected[AmendProduct],
    actor: Injected[Actor],
) -> Response[bytes]:
    """Change the name, the description or both. The Offers service has no update, so the change does not reach it."""
    given = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not UNSET}
    shown = await amend_product(product_id, **given, expected=expected_revisions(request), actor=actor)
    return Response(shown.json, headers={"ETag": etag(shown.version)})


@put(
    "/products/{product_id:uuid}",
    operation_id="replaceProduct",
    tags=["editing"],
    summary="Replace a product's texts",
    opt=_EDIT,
    response_headers=NO_STORE,
    responses=_EDITED,
)
async def replace_texts(
    request: Request[Any, Any, Any],
    product_id: ProductId,
    data: JSONBody[ReplaceProductRequest],
    amend_product: Injected[AmendProduct],
    actor: Injected[Actor],
) -> Response[bytes]:
    """Replace the name and the description. The product must exist; `POST /products` takes an id for a new one."""
    shown = await amend_product(
        product_id, name=data.name, description=data.description, expected=expected_revisions(request), actor=actor
    )
    return Response(shown.json, headers={"ETag": etag(shown.version)})


@delete(
    "/products/{product_id:uuid}",
    operation_id="withdrawProduct",
    tags=["editing"],
    summary="Withdraw a product",
    opt=declared(Declaration(scope=Scope.CATALOGUE_WRITE, request_headers=PRECONDITIONS)),
    response_headers=NO_STORE,
    response_description="The product is gone",
    responses=problems(*PROTECTED, *PRODUCT_MISSING, PRECONDITION, VALIDATION, *UNAVAILABLE),
)
async def withdraw(
    request: Request[Any, Any, Any],
    product_id: ProductId,
    withdraw_product: Injected[WithdrawProduct],
    actor: Injected[Actor],
) -> None:
    """Withdraw a product: gone from every read at once, its name free again; its id stays taken for a while."""
    await withdraw_product(product_id, expected=expected_revisions(request), actor=actor)


@post(
    "/products/{product_id:uuid}/register",
    status_code=202,
    media_type=MediaType.TEXT,  # as JSON, the empty answer would be "null"
    operation_id="retryRegistration",
    tags=["editing"],
    summary="Try a product's registration again now",
    opt=declared(Declaration(scope=Scope.CATALOGUE_WRITE)),
    response_headers=NO_STORE,
    response_description="It is tried in the background, unless the product is registered",
    responses=problems(*PROTECTED, *PRODUCT_MISSING, VALIDATION, *UNAVAILABLE),
)
async def retry(product_id: ProductId, retry_registration: Injected[RetryRegistration], actor: Injected[Actor]) -> None:
    """Try a registration that is pending, rejected or in conflict again now; a registered one stays as it is."""
    await retry_registration(product_id, actor=actor)


@get(
    "/products/{product_id:uuid}/synchronisation",
    operation_id="getSynchronisation",
    tags=["editing"],
    summary="See how registering and observing a product goes",
    opt=declared(Declaration(scope=Scope.SYNCHRONISATION_READ)),
    response_headers=NO_STORE,
    responses={200: examples.SYNCHRONISATION} | problems(*PROTECTED, *PRODUCT_MISSING, VALIDATION, *UNAVAILABLE),
)
async def show_synchronisation(product_id: ProductId, catalogue: Injected[Catalogue]) -> SynchronisationView:
    """See the last attempt, its error, and when the next one is due; a past time means now."""
    return await catalogue.reader.synchronisation(product_id)


EDITS = (amend, replace_texts, withdraw, retry, show_synchronisation)
