"""Believable answers for the OpenAPI description."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example

from application.views import (
    BestOfferView,
    OffersView,
    OfferView,
    ProductDetailView,
    ProductView,
    RegistrationView,
    SynchronisationView,
    without_offers,
)
from domain.product import RegistrationState
from entrypoints.readiness import OK, OUTDATED, UNAVAILABLE, Readiness

_CREATED = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
_OBSERVED = _CREATED + timedelta(minutes=12, seconds=4, microseconds=512_000)
_ID = UUID("2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11")
_OFFERS = [
    OfferView(UUID("c0ffee00-1234-5678-0abc-def012345678"), 41_250, 7, _CREATED, _OBSERVED),
    OfferView(UUID("7b1d9a52-44e0-01c3-f39b-0d9e1f2a3b4c"), 41_990, 120, _CREATED, _CREATED),
]
_DETAIL = ProductDetailView(
    id=_ID,
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
    offers=_OFFERS,
)


def answer(model: type, description: str, example: object) -> ResponseSpec:
    """Describe an answer by an example of it."""
    # Encoded, because Litestar would leave out what is null.
    encoded = msgspec.Raw(msgspec.json.encode(example))
    return ResponseSpec(
        model,
        description=description,
        generate_examples=False,
        examples=[Example(summary=description, value=encoded)],
    )


DETAIL = answer(ProductDetailView, "The product with its offers", _DETAIL)
PRODUCT = answer(ProductView, "The product", without_offers(_DETAIL))
OFFERS = answer(OffersView, "The offers", OffersView(_OFFERS, _OBSERVED, stale=False))
SYNCHRONISATION = answer(
    SynchronisationView,
    "How the attempts go",
    SynchronisationView(_OBSERVED, _OBSERVED, _OBSERVED + timedelta(seconds=60), 0, None),
)
READY = answer(Readiness, "It can", Readiness(OK, OK, OK, OK, OK))
NOT_READY = answer(Readiness, "The database cannot serve", Readiness(UNAVAILABLE, OK, OUTDATED, OK, OK))


def page(model: type) -> ResponseSpec:
    """Describe a page of products."""
    return answer(model, "One page", {"items": [without_offers(_DETAIL)], "next": "k60tY3JlYXRlZF9hdNf_…"})
