"""Random but repeatable data: every field set, every value legal, no two ids or names alike."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, TypeVar
from uuid import UUID

from polyfactory.factories import DataclassFactory
from polyfactory.fields import Use

from domain.offer import ObservedOffers, Offer, OfferInterval, TrackedOffer
from domain.prices.price import BestPrice, PriceState, PriceStep
from domain.product import Product, Registration
from domain.synchronisation import Observation, Synchronisation

Built = TypeVar("Built")
_random = Random(20260314)
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def some_id() -> UUID:
    return UUID(int=_random.getrandbits(128), version=4)


def some_time() -> datetime:
    """Return some time with its zone and microseconds; polyfactory's own have no zone."""
    return _EPOCH + timedelta(microseconds=_random.randrange(90 * 24 * 3600 * 10**6))


def some_price() -> int:
    return _random.randrange(2**63)


class _Factory(DataclassFactory[Built]):
    __is_base_factory__ = True
    __random_seed__ = 20260314
    __allow_none_optionals__ = False

    @classmethod
    def get_provider_map(cls) -> dict[Any, Callable[[], Any]]:
        return {**super().get_provider_map(), datetime: some_time, UUID: some_id}


class RegistrationFactory(_Factory[Registration]):
    pass


class ProductFactory(_Factory[Product]):
    registration = RegistrationFactory


class OfferFactory(_Factory[Offer]):
    price = Use(some_price)


class TrackedOfferFactory(_Factory[TrackedOffer]):
    """In stock and confirmed unless `sold_out_at` or `known_until` is given."""

    price = Use(some_price)
    sold_out_at = None
    known_until = None


class OfferIntervalFactory(_Factory[OfferInterval]):
    pass


class PriceStepFactory(_Factory[PriceStep]):
    state = PriceState.IN_STOCK


class ObservationFactory(_Factory[Observation]):
    pass


def some_observed_offers(count: int = 3) -> ObservedOffers:
    return ObservedOffers({offer.id: offer for offer in OfferFactory.batch(count)})


class SynchronisationFactory(_Factory[Synchronisation]):
    """The best price is that of the best offer, as in every state that observations lead to."""

    best_offer = OfferFactory

    @classmethod
    def build(cls, *args: Any, **values: Any) -> Synchronisation:
        state = super().build(*args, **values)
        if state.best_offer is not None and "best" not in values:
            state.best = BestPrice(state.best_offer.price, some_time())
        return state
