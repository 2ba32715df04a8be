"""Example answers about products for the OpenAPI description."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec
from litestar.openapi.datastructures import ResponseSpec

from application.catalogue.listing import ChangePeriod
from application.catalogue.views import (
    BestOfferView,
    ListedChangeView,
    OffersView,
    OfferView,
    ProductDetailView,
    ProductView,
    RegistrationView,
    SynchronisationView,
)
from domain.errors import ProductAlreadyExists
from domain.product import RegistrationState
from entrypoints.http.problems.problem_types import EXISTS, Mistake
from entrypoints.http.route_declarations import answer, answers

_CREATED = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
_OBSERVED = _CREATED + timedelta(minutes=12, seconds=4, microseconds=512_000)
_OFFERS = [
    OfferView(UUID("c0ffee00-1234-5678-0abc-def012345678"), 41_250, 7, _CREATED, _OBSERVED),
    OfferView(UUID("7b1d9a52-44e0-01c3-f39b-0d9e1f2a3b4c"), 41_990, 120, _CREATED, _CREATED),
]
_PRODUCT = ProductView(
    id=UUID("2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11"),
    name="Cordless drill 18 V",
    description="Two batteries, charger, case.",
    created_at=_CREATED,
    updated_at=_CREATED + timedelta(seconds=1),
    revision=2,
    registration=RegistrationView(RegistrationState.REGISTERED, _CREATED + timedelta(seconds=1), None),
    best_offer=BestOfferView(_OFFERS[0].id, _OFFERS[0].price, _OFFERS[0].items_in_stock),
    offers_in_stock=2,
    observed_at=_OBSERVED,
    stale=False,
)

_CHANGE = ListedChangeView(ChangePeriod.DAY, -4_650, Decimal("-10.13"), _OBSERVED + timedelta(minutes=2))

_NEW = replace(
    _PRODUCT,
    updated_at=_CREATED,
    revision=1,
    registration=RegistrationView(RegistrationState.PENDING, _CREATED, None),
    best_offer=None,
    offers_in_stock=0,
    observed_at=None,
)

DETAIL = answer(ProductDetailView, "The product with its offers", msgspec.to_builtins(_PRODUCT) | {"offers": _OFFERS})
PRODUCT = answer(ProductView, "The product", _PRODUCT)
OFFERS = answer(OffersView, "The offers", OffersView(_OFFERS, _OBSERVED, stale=False))
SYNCHRONISATION = answer(
    SynchronisationView,
    "The attempts",
    SynchronisationView(_OBSERVED, _OBSERVED, _OBSERVED + timedelta(seconds=60), 0, None, 1),
)


def products(model: type) -> ResponseSpec:
    """Describe the products that a batch created."""
    return answer(model, "The products, in the order of the request", {"items": [_NEW]})


def outcomes(model: type) -> ResponseSpec:
    """Describe the outcomes of a batch that may be created in part."""
    taken = Mistake(pointer="/products/1/name", detail=str(ProductAlreadyExists("name")))
    refused = {"status": EXISTS.status, "problem": msgspec.structs.replace(EXISTS.example, errors=(taken,))}
    items = [{"status": 201, "product": _NEW}, refused]
    return answer(model, "The outcome for each product, in the order of the request", {"items": items})


def page(model: type) -> ResponseSpec:
    """Describe a page of products."""
    product = msgspec.to_builtins(_PRODUCT)
    cursor = "k60tY3JlYXRlZF9hdNf_…"
    return answers(
        model,
        "One page",
        {
            "One page": {"items": [product | {"change": None}], "next": cursor},
            "Sorted by change": {"items": [product | {"change": _CHANGE}], "next": cursor},
        },
    )
