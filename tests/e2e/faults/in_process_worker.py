"""The inside of a worker on real PostgreSQL and a real simulator, each step taken when a test says so.

For faults that a switch of the simulator makes; those that kill or stop something need real processes.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
from dishka import AsyncContainer
from saq.types import Context

from adapters.metrics.metrics import Metrics
from api_client.api import SETTINGS
from application.access.actor import OPERATOR
from application.catalogue.catalogue_reader import CatalogueReader
from application.catalogue.editing import WithdrawProduct
from application.catalogue.registration import RegisterProduct
from application.catalogue.views import OfferView, ProductDetailView, SynchronisationView
from application.synchronisation.access_token.shared_token import SharedAccessToken
from application.synchronisation.batch_report import BatchReport
from application.synchronisation.refresh import RefreshDueProducts
from application.synchronisation.registrations import SubmitRegistrations
from application.synchronisation.scheduling import Job
from e2e.divided_worker import Divided, Durations
from entrypoints.configuration.settings import Settings
from entrypoints.container import make_container
from entrypoints.development.offers_simulator.app import RunningSimulator, running_simulator
from entrypoints.development.offers_simulator.faults import Faults
from entrypoints.development.offers_simulator.options import SimulatorOptions
from entrypoints.development.offers_simulator.product import Offer
from entrypoints.development.offers_simulator.traffic import ProductTraffic
from entrypoints.readiness import Dependencies, Readiness
from entrypoints.worker.jobs import make_worker
from storages.decoded_reader import DecodedCatalogue
from telemetry.metric_values import counted


@dataclass
class InProcessWorker:
    """One worker's use-cases, and the upstream that it calls. Nothing is due before its time: see `make_due`."""

    dsn: str
    simulator: RunningSimulator
    container: AsyncContainer

    def misbehave(self, **faults: Any) -> None:
        """Turn the simulator's switches; those not named are off."""
        self.simulator.simulation.misbehave(msgspec.convert(faults, Faults, str_keys=True))

    def dictate(self, product_id: UUID, *offers: Offer) -> None:
        """Let upstream show exactly these offers for the product."""
        self.simulator.simulation.world.dictate(product_id, list(offers))

    async def create(self, name: str | None = None) -> UUID:
        """Create a product, as POST /products does."""
        register = await self.container.get(RegisterProduct)
        return (await register(name=name or f"Product {uuid4()}", description="", actor=OPERATOR)).product.id

    async def withdraw(self, product_id: UUID) -> None:
        """Withdraw a product, as DELETE does."""
        await (await self.container.get(WithdrawProduct))(product_id, actor=OPERATOR)

    async def submit(self) -> BatchReport:
        """Run one batch of registrations."""
        return await (await self.container.get(SubmitRegistrations))()

    async def refresh(self) -> BatchReport:
        """Run one batch of observations."""
        return await (await self.container.get(RefreshDueProducts))()

    async def work(self, job: Job) -> None:
        """Run one job as the worker does, which logs and counts what comes of it."""
        worker = await make_worker(self.container)
        context: Context = {"worker": worker}
        await worker.functions[job.value](context)

    async def watched(self, *offers: Offer, name: str | None = None) -> UUID:
        """Create a product, register it, and observe these offers once; the next observation is due."""
        product_id = await self.create(name)
        self.dictate(product_id, *offers)
        await self.submit()
        await self.refresh()
        assert (await self.shown(product_id)).observed_at is not None
        self.make_due()
        return product_id

    def make_due(self) -> None:
        """Let an interval pass, as far as the schedule is concerned, and every backoff with it."""
        self.execute("UPDATE synchronisation SET scheduled_at = scheduled_at - interval '1 hour', not_before = now()")

    async def shown(self, product_id: UUID) -> ProductDetailView:
        """What GET /products/{id} shows, sold-out offers too."""
        return await (await self._reader()).product(product_id, sold_out_too=True)

    async def offers(self, product_id: UUID) -> list[OfferView]:
        """Return the offers in stock."""
        return list((await (await self._reader()).product(product_id)).offers)

    async def synchronisation(self, product_id: UUID) -> SynchronisationView:
        """What an admin sees of the attempts."""
        return await (await self._reader()).synchronisation(product_id)

    async def _reader(self) -> DecodedCatalogue:
        return DecodedCatalogue(await self.container.get(CatalogueReader))

    def history(self, product_id: UUID) -> list[tuple[Any, ...]]:
        """Return offer, price, beginning and end of all that is over: the offers' stretches, then the best price's."""
        return self.query(
            "SELECT offer_id, price, valid_from, valid_to FROM offer_interval WHERE product_id = %s "
            "UNION ALL SELECT NULL, price, valid_from, valid_to FROM best_price_step WHERE product_id = %s "
            "ORDER BY offer_id NULLS LAST, valid_from",
            product_id,
            product_id,
        )

    async def token(self) -> SharedAccessToken:
        """Return the token that the calls carry."""
        return await self.container.get(SharedAccessToken)

    def traffic(self, product_id: UUID) -> ProductTraffic:
        """Return what upstream counted for the product."""
        return self.simulator.simulation.traffic.products.get(product_id, ProductTraffic())

    async def readiness(self) -> Readiness:
        """What GET /health/ready shows."""
        return await (await self.container.get(Dependencies)).check()

    async def counted(self, metric: str, **labels: str) -> float:
        """Return the counters of this process."""
        return counted(await self.container.get(Metrics), metric, **labels)

    @property
    def auth_calls(self) -> list[str]:
        """Return how each request for a token ended."""
        return [call.outcome for call in self.simulator.simulation.traffic.auth_calls]

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(sql.encode(), parameters or None).fetchall()

    def number(self, sql: str, *parameters: object) -> int:
        """Return the one number that a query finds."""
        return int(self.query(sql, *parameters)[0][0])

    def execute(self, sql: str) -> None:
        """Carry out a statement."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute(sql.encode())


@asynccontextmanager
async def new_in_process_worker(
    dsn: str, *, durations: Durations | None = None, options: SimulatorOptions | None = None, **settings: Any
) -> AsyncIterator[InProcessWorker]:
    """Give a worker on an empty, migrated database."""
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(running_simulator(options or SimulatorOptions(seed=1, tick=1e6)))
        yield await stack.enter_async_context(one_process(dsn, simulator, durations=durations, **settings))


@asynccontextmanager
async def one_process(
    dsn: str, simulator: RunningSimulator, *, durations: Durations | None = None, **settings: Any
) -> AsyncIterator[InProcessWorker]:
    """Give a worker's inside that shares nothing with another one but the database and upstream."""
    hosts = SETTINGS["ALLOWED_HOSTS"]
    chosen = Settings(database_url=dsn, offers_base_url=simulator.base_url, allowed_hosts=hosts, **settings)
    durations = durations or Durations()
    container = make_container(chosen, Divided(durations), limits=durations.limits)
    try:
        yield InProcessWorker(dsn, simulator, container)
    finally:
        await container.close()
