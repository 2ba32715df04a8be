"""A catalogue in memory, a scripted Offers service, and the use-cases that keep the one in step with the other."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from application.catalogue.new_products import NewProducts
from application.catalogue.registration import AmendProduct, RegisterProduct, RetryRegistration, WithdrawProduct
from application.synchronisation.backoff import RetryRule
from application.synchronisation.circuit_breaker import Breakers, CircuitBreaker
from application.synchronisation.refresh import RefreshDueProducts, SubmitRegistrations
from application.synchronisation.timing import Pace
from domain.offer import Offer, TrackedOffer
from domain.product import Product
from domain.synchronisation import Synchronisation
from factories import some_id
from fakes.job_queue import CountingRegistrationSignal
from fakes.offers_gateway import ScriptedOffersGateway, observed
from fakes.storage import FakeClock, InMemoryStorage

INTERVAL = timedelta(seconds=60)
PACE = Pace(refresh_interval=INTERVAL, batch_deadline=0.05, group_age=0.005)


@dataclass
class Synchronising:
    """All parts, with a jitter that never shortens a wait."""

    pace: Pace = PACE
    clock: FakeClock = field(default_factory=FakeClock)
    signal: CountingRegistrationSignal = field(default_factory=CountingRegistrationSignal)
    upstream: ScriptedOffersGateway = field(default_factory=ScriptedOffersGateway)
    jitter: Callable[[], float] = lambda: 1.0

    def __post_init__(self) -> None:
        self.storage = InMemoryStorage(self.clock)
        begin, clock, retry = self.storage.begin, self.clock, RetryRule(self.pace, lambda: self.jitter())
        self.create = RegisterProduct(NewProducts(begin), clock, self.signal, some_id)
        self.amend = AmendProduct(begin, clock)
        self.withdraw = WithdrawProduct(begin)
        self.retry = RetryRegistration(begin, clock, self.signal)
        self.breakers = Breakers(CircuitBreaker(self.pace, self._seconds), CircuitBreaker(self.pace, self._seconds))
        self.submit = SubmitRegistrations(begin, self.upstream, clock, self.pace, retry, self.breakers.registrations)
        self.refresh = RefreshDueProducts(begin, self.upstream, clock, self.pace, retry, self.breakers.observations)

    def _seconds(self) -> float:
        return self.clock.now.timestamp()

    async def created(self) -> UUID:
        return (await self.create(name=f"Product {some_id()}", description="")).id

    async def registered(self, *offers: Offer) -> UUID:
        """Create a product and register it, the first observation still due; upstream has these offers."""
        product_id = await self.created()
        await self.submit()
        self.upstream.offers[product_id] = observed(*offers)
        return product_id

    async def watched(self, *offers: Offer) -> UUID:
        """Create a product whose offers were observed once, the next observation due now."""
        product_id = await self.registered(*offers)
        await self.refresh()
        self.next_slot()
        return product_id

    def next_slot(self) -> datetime:
        return self.clock.advance(INTERVAL)

    def product(self, product_id: UUID) -> Product:
        return self.storage.rows.products[product_id]

    def state(self, product_id: UUID) -> Synchronisation:
        return self.storage.rows.synchronisations[product_id].state

    def tracked(self, product_id: UUID) -> list[TrackedOffer]:
        return list(self.storage.rows.offers.get(product_id, {}).values())

    def waits(self, product_id: UUID) -> timedelta:
        """How long nothing is attempted for the product, from now."""
        not_before = self.state(product_id).not_before
        assert not_before is not None
        return not_before - self.clock.now
