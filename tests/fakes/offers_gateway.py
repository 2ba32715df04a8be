"""A scripted Offers service: an upstream with products, and trouble for single products or for all."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from application.synchronisation.offers_gateway import AlreadyRegistered, OffersServiceError, UnknownUpstream
from domain.offer import ObservedOffers, Offer


def observed(*offers: Offer) -> ObservedOffers:
    return ObservedOffers({offer.id: offer for offer in offers})


@dataclass
class ScriptedOffersGateway:
    """Knows the products that were registered or are in `offers`, and answers with those offers, at first none.

    What stands in `trouble` for a product is raised by every call for it; in `lost_replies`, by a registration that
    went through all the same. A call for a product in `hanging` answers once that event is set.
    """

    offers: dict[UUID, ObservedOffers] = field(default_factory=dict)
    trouble: dict[UUID, Exception] = field(default_factory=dict)
    lost_replies: dict[UUID, Exception] = field(default_factory=dict)
    hanging: dict[UUID, asyncio.Event] = field(default_factory=dict)
    foreign: set[UUID] = field(default_factory=set)
    """Ids that another client registered: taken, and without offers for us."""
    no_access: OffersServiceError | None = None
    registrations: Counter[UUID] = field(default_factory=Counter)
    """How often each product came to be known by a registration."""
    answers: Counter[UUID] = field(default_factory=Counter)
    """How many calls for offers ended, well or badly."""

    async def authorise(self) -> None:
        if self.no_access is not None:
            raise self.no_access

    async def register(self, product_id: UUID, name: str, description: str) -> None:
        await self._pass(product_id)
        if product_id in self.offers or product_id in self.foreign:
            raise AlreadyRegistered("the product's id is registered already")
        self.offers[product_id] = observed()
        self.registrations[product_id] += 1
        if product_id in self.lost_replies:
            raise self.lost_replies[product_id]

    async def offers_of(self, product_id: UUID) -> ObservedOffers:
        try:
            await self._pass(product_id)
            if product_id not in self.offers:
                raise UnknownUpstream("the Offers service does not know the product")
            return self.offers[product_id]
        finally:
            self.answers[product_id] += 1

    def forget(self, product_id: UUID) -> None:
        del self.offers[product_id]

    async def _pass(self, product_id: UUID) -> None:
        if product_id in self.hanging:
            await self.hanging[product_id].wait()
        if product_id in self.trouble:
            raise self.trouble[product_id]
