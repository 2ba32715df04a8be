"""Example answers about products for the OpenAPI description."""

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
from domain.product import RegistrationState
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

DETAIL = answer(ProductDetailView, "The product with its offers", msgspec.to_builtins(_PRODUCT) | {"offers": _OFFERS})
PRODUCT = answer(ProductView, "The product", _PRODUCT)
OFFERS = answer(OffersView, "The offers", OffersView(_OFFERS, _OBSERVED, stale=False))
SYNCHRONISATION = answer(
    SynchronisationView,
    "The attempts",
    SynchronisationView(_OBSERVED, _OBSERVED, _OBSERVED + timedelta(seconds=60), 0, None, 1),
)


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
