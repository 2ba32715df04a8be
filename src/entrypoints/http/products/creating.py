"""New products over HTTP, by admins and keys."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, post
from litestar.params import JSONBody
from litestar.response.base import ASGIResponse

from application.access.actor import Actor, Scope
from application.catalogue.registration import RegisterProduct
from application.catalogue.views import CreationOutcome, ProductView
from entrypoints.http.conditional_reads import cache_headers
from entrypoints.http.problems.problem_types import (
    BODY_PROBLEMS,
    EXISTS,
    IDEMPOTENCY_IN_PROGRESS,
    IDEMPOTENCY_MISMATCH,
    PROTECTED,
    UNAVAILABLE,
    prefix_of,
    problems,
)
from entrypoints.http.products import examples
from entrypoints.http.products.etags import ETAG, etag
from entrypoints.http.products.idempotency import IDEMPOTENCY_KEY, REPLAYED, read_idempotency
from entrypoints.http.products.requests import CreateProductRequest
from entrypoints.http.route_declarations import Declaration, Injected, declared, location_header

_PRODUCT = msgspec.json.Decoder(ProductView)
_LOCATION = location_header("product", "/products/2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11")


@post(
    "/products",
    tags=["catalogue"],
    operation_id="createProduct",
    summary="Create a product",
    opt=declared(
        Declaration(
            scope=Scope.CATALOGUE_WRITE,
            request_headers=(IDEMPOTENCY_KEY,),
            answer_headers=(_LOCATION, ETAG, REPLAYED),
            shows_id=True,
        )
    ),
    responses={201: examples.PRODUCT}
    | problems(*PROTECTED, EXISTS, IDEMPOTENCY_IN_PROGRESS, *UNAVAILABLE, *BODY_PROBLEMS, IDEMPOTENCY_MISMATCH),
)
async def create_product(
    request: Request[Any, Any, Any],
    data: JSONBody[CreateProductRequest],
    register_product: Injected[RegisterProduct],
    actor: Injected[Actor],
) -> ASGIResponse:
    """Create a product. It is registered with the Offers service in the background; watch its `registration`.

    With an `Idempotency-Key` the same request may be sent again for 24 hours, and is answered as the first time.
    """
    registered = await register_product(
        name=data.name,
        description=data.description,
        product_id=data.id if isinstance(data.id, UUID) else None,
        idempotency=read_idempotency(request, msgspec.json.encode(data), _only),
        actor=actor,
    )
    body = registered.answer or _only(registered.outcomes)
    product = _PRODUCT.decode(body) if registered.replayed else registered.product
    location = f"{prefix_of(request.scope['state'])}/products/{product.id}"
    headers = {"Location": location} | cache_headers(etag(product), None)
    if registered.replayed:
        headers[REPLAYED.name] = "true"
    return ASGIResponse(body=body, status_code=201, headers=headers)


def _only(outcomes: Sequence[CreationOutcome]) -> bytes:
    return msgspec.json.encode(outcomes[0])
