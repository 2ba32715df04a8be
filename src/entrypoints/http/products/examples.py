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
    OfferView,
    ProductView,
    RegistrationView,
    SynchronisationView,
)
from domain.errors import ProductAlreadyExists
from domain.product import RegistrationState
from entrypoints.http.problems.problem_types import EXISTS, Mistake
from entrypoints.http.route_declarations import answer

CREATED_AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
OBSERVED_AT = CREATED_AT + timedelta(minutes=12, seconds=4, microseconds=512_000)
OFFERS_SHOWN = [
    OfferView(UUID("c0ffee00-1234-5678-0abc-def012345678"), 41_250, 7, CREATED_AT, OBSERVED_AT),
    OfferView(UUID("7b1d9a52-44e0-01c3-f39b-0d9e1f2a3b4c"), 41_990, 120, CREATED_AT, CREATED_AT),
]
PRESENT = ProductView(
    id=UUID("2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11"),
    name="Cordless drill 18 V",
    description="Two batteries, charger, case.",
    created_at=CREATED_AT,
    updated_at=CREATED_AT + timedelta(seconds=1),
    revision=2,
    registration=RegistrationView(RegistrationState.REGISTERED, CREATED_AT + timedelta(seconds=1), None),
    best_offer=BestOfferView(OFFERS_SHOWN[0].id, OFFERS_SHOWN[0].price, OFFERS_SHOWN[0].items_in_stock),
    offers_in_stock=2,
    observed_at=OBSERVED_AT,
    stale=False,
)

CHANGE = ListedChangeView(ChangePeriod.DAY, -4_650, Decimal("-10.13"), OBSERVED_AT + timedelta(minutes=2))

_NEW = replace(
    PRESENT,
    updated_at=CREATED_AT,
    revision=1,
    registration=RegistrationView(RegistrationState.PENDING, CREATED_AT, None),
    best_offer=None,
    offers_in_stock=0,
    observed_at=None,
)

LINE = msgspec.json.encode(PRESENT)
"""The product as a line of an export."""
PRODUCT = answer(ProductView, "The product", PRESENT)
SYNCHRONISATION = answer(
    SynchronisationView,
    "The attempts",
    SynchronisationView(OBSERVED_AT, OBSERVED_AT, OBSERVED_AT + timedelta(seconds=60), 0, None, 1),
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
