"""Many products in one request: all of them or, on demand, those that can be added."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Controller, Request, post
from litestar.params import JSONBody, QueryParameter
from litestar.response.base import ASGIResponse

from application.access.actor import Actor, Scope
from application.catalogue.registration import NewProduct, RegisterProducts
from application.catalogue.views import CreationOutcome, ProductView, TakenProduct
from application.fair_queue import FairQueue
from entrypoints.http.auth.client_address import client_address, network_of
from entrypoints.http.conditional_reads import NO_STORE
from entrypoints.http.mistakes import InvalidRequest, body_mistakes, taken_mistakes
from entrypoints.http.problems.problem_types import (
    BODY_PROBLEMS,
    EXISTS,
    IDEMPOTENCY_IN_PROGRESS,
    IDEMPOTENCY_MISMATCH,
    PROTECTED,
    UNAVAILABLE,
    VALIDATION,
    Mistake,
    Problem,
    problems,
)
from entrypoints.http.products import examples
from entrypoints.http.products.idempotency import IDEMPOTENCY_KEY, REPLAYED, read_idempotency
from entrypoints.http.products.requests import CreateProductRequest, CreateProductsRequest
from entrypoints.http.route_declarations import Declaration, Injected, declared

Partial = Annotated[
    Literal["true"] | None,
    QueryParameter(description="Whether to add those products that can be added, instead of all or none."),
]


@dataclass(frozen=True, slots=True)
class Batches:
    """The use-case; places of callers, few because each batch takes a core and a connection; the bound of an answer."""

    register: RegisterProducts
    places: FairQueue
    mistakes_of_each: int
    """Mistakes of each product that an answer lists, so that none is many times as long as its request."""


class ProductsResponse(msgspec.Struct, frozen=True):
    """The new products, in the order of the request."""

    items: list[ProductView]


class AddedResponse(msgspec.Struct, frozen=True, tag_field="status", tag=201):
    """A product that was added."""

    product: ProductView


class TakenResponse(msgspec.Struct, frozen=True, tag_field="status", tag=EXISTS.status):
    """A product that was not added, because another one has its name or its id."""

    problem: Problem


class InvalidResponse(msgspec.Struct, frozen=True, tag_field="status", tag=VALIDATION.status):
    """A product that was not added, because some of its values are not allowed."""

    problem: Problem


Item = AddedResponse | TakenResponse | InvalidResponse


class OutcomesResponse(msgspec.Struct, frozen=True):
    """The outcome for each product, in the order of the request."""

    items: list[Item]


class BatchController(Controller):
    """Creates for admins and keys, many at once."""

    path = "/products/batch"
    tags = ("catalogue",)

    @post(
        operation_id="createProducts",
        summary="Create many products",
        opt=declared(
            Declaration(scope=Scope.CATALOGUE_WRITE, request_headers=(IDEMPOTENCY_KEY,), answer_headers=(REPLAYED,))
        ),
        responses={201: examples.products(ProductsResponse), 207: examples.outcomes(OutcomesResponse)}
        | problems(*PROTECTED, EXISTS, IDEMPOTENCY_IN_PROGRESS, *UNAVAILABLE, *BODY_PROBLEMS, IDEMPOTENCY_MISMATCH),
    )
    async def create(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[CreateProductsRequest],
        batches: Injected[Batches],
        actor: Injected[Actor],
        partial: Partial = None,
    ) -> ASGIResponse:
        """Create all of the products, or none if one of them is refused; `errors` point at all that are refused.

        With `partial=true` the answer is 207 and says for each product whether it was created or refused. A product is
        refused like any other if an earlier one of the request has its name or its id.
        """
        read = [_read(product, position, batches.mistakes_of_each) for position, product in enumerate(data.products)]
        wrong = [each for each in read if not isinstance(each, CreateProductRequest)]
        if wrong and partial is None:
            raise InvalidRequest(*chain.from_iterable(wrong))

        def encode(outcomes: Sequence[CreationOutcome]) -> bytes:
            if partial is None:
                return msgspec.json.encode({"items": outcomes})
            return msgspec.json.encode({"items": _items(request, read, outcomes)})

        good = [each for each in read if isinstance(each, CreateProductRequest)]
        content = msgspec.json.encode([request.scope["path"], partial, data.products], order="sorted")
        async with batches.places.place(network_of(client_address(request))):
            registered = await batches.register(
                [
                    NewProduct(each.name, each.description, each.id if isinstance(each.id, UUID) else None)
                    for each in good
                ],
                partial=partial is not None,
                idempotency=read_idempotency(request, content, encode),
                actor=actor,
            )
        headers = NO_STORE | ({REPLAYED.name: "true"} if registered.replayed else {})
        body = registered.answer or encode(registered.outcomes)
        return ASGIResponse(body=body, status_code=201 if partial is None else 207, headers=headers)


def _read(product: object, position: int, mistakes: int) -> CreateProductRequest | tuple[Mistake, ...]:
    found = tuple(islice(body_mistakes(product, CreateProductRequest, f"/products/{position}"), mistakes))
    return found or msgspec.convert(product, CreateProductRequest)


def _items(
    request: Request[Any, Any, Any],
    read: Sequence[CreateProductRequest | tuple[Mistake, ...]],
    outcomes: Sequence[CreationOutcome],
) -> list[Item]:
    state, remaining = request.scope["state"], iter(outcomes)
    items: list[Item] = []
    for position, each in enumerate(read):
        if not isinstance(each, CreateProductRequest):
            detail = each[0].detail if len(each) == 1 else None
            items.append(InvalidResponse(VALIDATION.problem(state, detail, each)))
            continue
        outcome = next(remaining)
        if isinstance(outcome, TakenProduct):
            mistakes = tuple(taken_mistakes(position, outcome.fields))
            items.append(TakenResponse(EXISTS.problem(state, mistakes[0].detail, mistakes)))
        else:
            items.append(AddedResponse(outcome))
    return items
