"""Products as lists show them, made from the domain's objects."""

from datetime import datetime

from application.catalogue.views import BestOfferView, ProductView, RegistrationView, Version
from domain.product import Product
from domain.synchronisation import Synchronisation


def product_view(product: Product, state: Synchronisation, now: datetime) -> ProductView:
    registration, best = product.registration, state.best_offer
    return ProductView(
        id=product.id,
        name=product.name,
        description=product.description,
        created_at=product.created_at,
        updated_at=product.updated_at,
        revision=product.revision,
        registration=RegistrationView(registration.state, registration.since, registration.detail),
        best_offer=BestOfferView(best.id, best.price, best.items_in_stock) if best else None,
        offers_in_stock=state.offers_in_stock,
        observed_at=state.observed_at,
        stale=is_stale(state, now),
    )


def is_stale(state: Synchronisation, now: datetime) -> bool:
    known_until, observed_at = state.known_until, state.observed_at
    return known_until is not None and observed_at is not None and (known_until < now or observed_at > now)


def version_of(product: ProductView) -> Version:
    return Version(product.revision, product.observed_at, product.stale)
