"""A catalogue in memory, a scripted Offers service, and the use-cases that keep the one in step with the other."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from application.access.actor import OPERATOR
from application.alerts.closing import close_product
from application.catalogue.editing import AmendProduct, WithdrawProduct
from application.catalogue.registration import RegisterProduct, RegisterProducts, RetryRegistration
from application.synchronisation.backoff import Backoff
from application.synchronisation.circuit_breaker import Breakers, CircuitBreaker
from application.synchronisation.refresh import RefreshDueProducts
from application.synchronisation.registrations import SubmitRegistrations
from application.synchronisation.timing import Timing
from domain.offer import Offer, TrackedOffer
from domain.product import Product
from domain.synchronisation import Synchronisation
from factories import some_id
from fakes.job_queue import CountingRegistrationSignal
from fakes.offers_gateway import ScriptedOffersGateway, observed
from fakes.storage import FakeClock, InMemoryStorage
from waiting import PATIENCE

INTERVAL = timedelta(seconds=60)
TIMING = Timing(refresh_interval=INTERVAL, batch_deadline=PATIENCE, group_age=0.005)


@dataclass
class Synchronising:
    """All parts, with a jitter that never shortens a wait."""

    timing: Timing = TIMING
    clock: FakeClock = field(default_factory=FakeClock)
    signal: CountingRegistrationSignal = field(default_factory=CountingRegistrationSignal)
    upstream: ScriptedOffersGateway = field(default_factory=ScriptedOffersGateway)
    jitter: Callable[[], float] = lambda: 1.0

    def __post_init__(self) -> None:
        self.storage = InMemoryStorage(self.clock)
        begin, clock, retry = self.storage.begin, self.clock, Backoff(self.timing, lambda: self.jitter())
        register = RegisterProducts(begin, clock, self.signal, some_id)
        self.load = partial(register, actor=OPERATOR)
        self.create = partial(RegisterProduct(register), actor=OPERATOR)
        self.amend = partial(AmendProduct(begin, clock), actor=OPERATOR)
        self.withdraw = partial(WithdrawProduct(begin, close_product), actor=OPERATOR)
        self.retry = partial(RetryRegistration(begin, clock, self.signal), actor=OPERATOR)
        self.breakers = Breakers(CircuitBreaker(self.timing, self._seconds), CircuitBreaker(self.timing, self._seconds))
        now = self._seconds
        self.submit = SubmitRegistrations(begin, self.upstream, now, self.timing, retry, self.breakers.registrations)
        self.refresh = RefreshDueProducts(begin, self.upstream, now, self.timing, retry, self.breakers.observations)

    def _seconds(self) -> float:
        return self.clock.now.timestamp()

    async def new(self, *, name: str, description: str = "", product_id: UUID | None = None) -> Product:
        """Create a product and return it as it is stored."""
        registered = await self.create(name=name, description=description, product_id=product_id)
        return self.product(registered.product.id)

    async def created(self) -> UUID:
        return (await self.create(name=f"Product {some_id()}", description="")).product.id

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
