"""The API over ASGI, in a container whose outside is kept in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
from argon2 import PasswordHasher
from dishka import Provider, Scope, provide
from litestar import Litestar
from structlog.testing import capture_logs

from api_client.openapi_conformance import Manual
from application.access.api_keys import KeyReader, KeyUses
from application.access.audit_records import AuditReader
from application.access.login_limits import LoginFailures
from application.alerts.evaluation import evaluate_alerts, in_order
from application.alerts.reading import AlertReader
from application.catalogue.as_of import CatalogueAsOfReader
from application.catalogue.catalogue_reader import CatalogueReader
from application.catalogue.export import CatalogueExport
from application.catalogue.registration import RegistrationSignal
from application.clock import Clock
from application.diagnosis.finding import Finding
from application.diagnosis.shared import SharedDiagnosis
from application.events.event_log import EventReader
from application.prices.export import RecordedSteps
from application.prices.readers import OfferPriceReader, PriceReader, RetentionReader
from application.prices.trends import PriceTrends
from application.synchronisation.access_token.store import TokenState
from application.synchronisation.scheduling import JobQueue
from application.unit_of_work import BeginWork
from application.webhooks.ports import WebhookReader
from domain.offer import ObservedOffers, Offer
from domain.prices.retention import Retention
from domain.product import RegistrationState
from entrypoints.configuration.settings import read_settings
from entrypoints.container import make_container
from entrypoints.http.app import create_app
from entrypoints.http.auth.access_tokens import AccessTokens
from entrypoints.limits import Limits, RequestLimits
from entrypoints.readiness import Dependencies
from fakes.access_readers import InMemoryAuditReader, InMemoryKeyReader, InMemoryKeyUses
from fakes.alerts import InMemoryAlertReader
from fakes.catalogue_as_of import InMemoryCatalogueAsOfReader
from fakes.catalogue_reader import InMemoryCatalogueReader
from fakes.event_readers import InMemoryEventReader
from fakes.exports import InMemoryCatalogueExport, InMemoryRecordedSteps
from fakes.job_queue import CountingRegistrationSignal, InMemoryJobQueue
from fakes.login_failures import InMemoryLoginFailures
from fakes.offers_gateway import observed
from fakes.price_readers import InMemoryOfferPriceReader, InMemoryPriceReader, InMemoryPriceTrends, kept
from fakes.storage import NOON, FakeClock, InMemoryStorage, Rows
from fakes.upkeep import InMemoryListedChanges
from fakes.webhooks import InMemoryWebhookReader

USERNAME = "admin"
PASSWORD = "open sesame 42"
SECRET = "a signing key that only the tests know"
INTERVAL = timedelta(seconds=60)
SOLD_OUT_KEPT = timedelta(days=1)
KEPT = 5.0
"""Seconds for which findings are shared."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
YEARS = 3_650 * DAY
PROBLEM = "application/problem+json"
MISSING = UUID("00000000-0000-4000-8000-000000000000")
ONLY_OFFER = UUID("10000000-0000-4000-8000-000000000000")
SETTINGS = {
    # A real hash takes so long on purpose that tests would feel it.
    "ADMIN_PASSWORD_HASH": PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD),
    "ADMIN_USERNAME": USERNAME,
    "JWT_SECRET": SECRET,
    "ALLOWED_HOSTS": "aggregator.test,manual.test,here,a",
}


@dataclass
class Outside:
    """All that the application is connected to."""

    clock: FakeClock = field(default_factory=FakeClock)
    queue: InMemoryJobQueue = field(default_factory=InMemoryJobQueue)
    signal: CountingRegistrationSignal = field(default_factory=CountingRegistrationSignal)
    access: TokenState = TokenState.OK
    migrations: str = "ok"
    clocks: str = "ok"
    patience: float = 5.0
    reader: CatalogueReader | None = None
    begin: BeginWork | None = None
    catalogue_export: CatalogueExport | None = None
    event_reader: EventReader | None = None
    limits: RequestLimits = field(default_factory=RequestLimits)
    findings: list[Finding] = field(default_factory=list)
    diagnoses: int = 0
    seconds: float = 0.0
    """By the monotonic clock."""
    diagnosing: asyncio.Event | None = None
    """While it is not set, a diagnosis hangs."""

    def __post_init__(self) -> None:
        self.storage = InMemoryStorage(self.clock)
        self.login_failures = InMemoryLoginFailures(self.storage)

    def reset(self) -> None:
        """Be as at the start, but the same objects, which the application holds."""
        self.clock.now = NOON
        self.storage.rows, self.storage.away = Rows(), False
        self.login_failures.rows.clear()
        self.storage.taken.clear()
        self.queue.away = False
        self.signal.signals = 0
        self.access, self.migrations, self.clocks = TokenState.OK, "ok", "ok"
        self.findings, self.diagnoses, self.diagnosing = [], 0, None
        self.seconds += KEPT

    def authorization(
        self, subject: str = USERNAME, *, ago: timedelta = timedelta(0), lifetime: timedelta = timedelta(minutes=5)
    ) -> str:
        """Return the header of an admin who logged in this long ago."""
        credential = SETTINGS["ADMIN_PASSWORD_HASH"]
        tokens = AccessTokens(SECRET, lifetime, lambda: self.clock() - ago, admin=subject, credential=credential)
        return f"Bearer {tokens.issue(subject)}"

    async def schema_state(self) -> str:
        self.storage.reach()
        return self.migrations

    async def queue_state(self) -> str:
        await self.queue.waiting()
        return "ok"

    async def access_state(self) -> TokenState:
        self.storage.reach()
        return self.access

    async def diagnose(self) -> list[Finding]:
        self.diagnoses += 1
        if self.diagnosing is not None:
            await self.diagnosing.wait()
        return self.findings

    async def clock_state(self) -> str:
        self.storage.reach()
        return self.clocks

    async def observe(self, product_id: UUID, *offers: Offer, interval: timedelta = INTERVAL) -> None:
        """Let these be the product's offers now, and the product be registered if it is not."""
        await self.observe_answer(product_id, observed(*offers), interval)

    async def observe_answer(self, product_id: UUID, answer: ObservedOffers, interval: timedelta) -> None:
        """Let this be the answer about the product's offers now, and the product be registered if it is not."""
        async with self.storage.begin() as work:
            product, state = await work.products.get(product_id), await work.synchronisations.get(product_id)
            if product.registration.state is RegistrationState.PENDING:
                product.registered(self.clock())
                state.start_observing(self.clock())
            before = (await work.offers.of([product_id])).get(product_id, ())
            observation = state.observe(before, answer, self.clock(), interval)
            await work.products.save(product)
            await work.offers.record([observation])
            await work.events.append(*in_order([observation], await evaluate_alerts(work, [observation])))
            await work.synchronisations.save(state)
            await work.commit()

    async def reject(self, product_id: UUID, detail: str) -> None:
        """Let the Offers service refuse the product."""
        async with self.storage.begin() as work:
            product = await work.products.get(product_id)
            product.rejected(detail, self.clock())
            await work.products.save(product)
            await work.commit()

    async def observe_prices(
        self, product_id: UUID, *prices: tuple[int | None, timedelta], interval: timedelta = DAY
    ) -> None:
        """Observe one offer after the other, alone and at this price, or none, and let so much time pass after each."""
        for price, passing in prices:
            offers = [] if price is None else [Offer(ONLY_OFFER, price, 1)]
            await self.observe(product_id, *offers, interval=interval)
            self.clock.advance(passing)

    async def refresh_changes(self) -> None:
        """Compute the keys by which the catalogue is sorted."""
        await InMemoryListedChanges(self.storage).refresh(UUID(int=0), len(self.storage.rows.products))


class InMemoryOutside(Provider):
    """Takes the place of every adapter that the API uses."""

    scope = Scope.APP

    def __init__(self, outside: Outside) -> None:
        super().__init__()
        self._outside = outside

    @provide(override=True)
    def clock(self) -> Clock:
        return self._outside.clock

    @provide(override=True)
    def begin_work(self) -> BeginWork:
        return self._outside.begin or self._outside.storage.begin

    @provide(override=True)
    def catalogue_reader(self) -> CatalogueReader:
        return self._outside.reader or InMemoryCatalogueReader(self._outside.storage, INTERVAL, SOLD_OUT_KEPT)

    @provide(override=True)
    def catalogue_as_of_reader(self, limits: Limits) -> CatalogueAsOfReader:
        return InMemoryCatalogueAsOfReader(self._outside.storage, SOLD_OUT_KEPT, limits.settles)

    @provide(override=True)
    def catalogue_export(self) -> CatalogueExport:
        return self._outside.catalogue_export or InMemoryCatalogueExport(self._outside.storage)

    @provide(override=True)
    def recorded_steps(self) -> RecordedSteps:
        return InMemoryRecordedSteps(self._outside.storage)

    @provide(override=True)
    def login_failures(self) -> LoginFailures:
        return self._outside.login_failures

    @provide(override=True)
    def key_reader(self) -> KeyReader:
        return InMemoryKeyReader(self._outside.storage)

    @provide(override=True)
    def key_uses(self) -> KeyUses:
        return InMemoryKeyUses(self._outside.storage)

    @provide(override=True)
    def alert_reader(self) -> AlertReader:
        return InMemoryAlertReader(self._outside.storage)

    @provide(override=True)
    def audit_reader(self) -> AuditReader:
        return InMemoryAuditReader(self._outside.storage)

    @provide(override=True)
    def event_reader(self) -> EventReader:
        return self._outside.event_reader or InMemoryEventReader(self._outside.storage)

    @provide(override=True)
    def webhook_reader(self) -> WebhookReader:
        return InMemoryWebhookReader(self._outside.storage)

    @provide(override=True)
    def retention_reader(self) -> RetentionReader:
        return kept(Retention())

    @provide(override=True)
    def price_reader(self) -> PriceReader:
        return InMemoryPriceReader(self._outside.storage)

    @provide(override=True)
    def offer_price_reader(self) -> OfferPriceReader:
        return InMemoryOfferPriceReader(self._outside.storage)

    @provide(override=True)
    def price_trends(self) -> PriceTrends:
        return InMemoryPriceTrends(self._outside.storage, SOLD_OUT_KEPT)

    @provide(override=True)
    def job_queue(self) -> JobQueue:
        return self._outside.queue

    @provide(override=True)
    def registration_signal(self) -> RegistrationSignal:
        return self._outside.signal

    @provide(override=True)
    def dependencies(self) -> Dependencies:
        outside = self._outside
        return Dependencies(
            outside.schema_state, outside.queue_state, outside.access_state, outside.clock_state, outside.patience
        )

    @provide(override=True)
    def shared_diagnosis(self) -> SharedDiagnosis:
        outside = self._outside
        return SharedDiagnosis(outside.diagnose, lambda: outside.seconds, KEPT)


@dataclass(frozen=True)
class Api:
    """A client of the running API, and what stands behind that."""

    app: Litestar
    http: httpx.AsyncClient
    outside: Outside

    async def log_in(self, password: str = PASSWORD) -> httpx.Response:
        return await self.http.post("/login", json={"username": USERNAME, "password": password})

    async def create(self, name: str = "Kettle", **fields: Any) -> dict[str, Any]:
        """Create a product as an admin, whose token the client has by default."""
        answer = await self.http.post("/products", json={"name": name, "description": "Boils", **fields})
        assert answer.status_code == httpx.codes.CREATED, answer.text
        created: dict[str, Any] = answer.json()
        return created

    async def create_observed(
        self, *prices: tuple[int | None, timedelta], interval: timedelta = DAY, name: str = "Kettle"
    ) -> UUID:
        """Create a product and let so much time pass with its best price at this, or with none, one after the other."""
        product_id = UUID((await self.create(name))["id"])
        await self.outside.observe_prices(product_id, *prices, interval=interval)
        return product_id

    def as_customer(self) -> httpx.AsyncClient:
        """Return a client without a token."""
        return client_of(self.app)


def client_of(app: Any, address: str = "127.0.0.1") -> httpx.AsyncClient:
    """Return a client without a token, for which every answer must be one that the manual describes."""
    # Litestar and httpx write the types of ASGI differently.
    transport = httpx.ASGITransport(app, client=(address, 123))
    return httpx.AsyncClient(
        transport=transport, base_url="http://aggregator.test", event_hooks={"response": [_check_as_described]}
    )


async def _check_as_described(answer: httpx.Response) -> None:
    await answer.aread()
    if not _MANUALS:
        _MANUALS.append(Manual(await read_description()))
    _MANUALS[0].check(answer)


_MANUALS: list[Manual] = []
"""The one that was read, once it was."""


async def read_description() -> dict[str, Any]:
    """Read the description of an API of its own, so that nothing of that is logged or counted by another."""
    app: Any = await create_app(make_container(read_settings(SETTINGS), InMemoryOutside(Outside())))
    with capture_logs():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://manual.test") as client:
            description: dict[str, Any] = (await client.get("/schema/openapi.json")).json()
    return description


@asynccontextmanager
async def serving(outside: Outside, **settings: str) -> AsyncIterator[Api]:
    """Run the API in front of this outside; its client is an admin's."""
    limits = Limits(requests=outside.limits)
    container = make_container(read_settings({**SETTINGS, **settings}), InMemoryOutside(outside), limits=limits)
    app = await create_app(container)
    async with (
        app.lifespan(),
        client_of(app) as http,
    ):
        http.headers["Authorization"] = outside.authorization(ago=YEARS, lifetime=2 * YEARS)
        yield Api(app, http, outside)
    await container.close()


def shown(at: datetime) -> str:
    """Return a time as answers show it."""
    text: str = msgspec.to_builtins(at)
    return text


async def ask(
    client: httpx.AsyncClient, path: str, start: datetime | None = None, end: datetime | None = None, **query: str
) -> dict[str, Any]:
    """Return the answer about a window of time."""
    window = {name: shown(at) for name, at in (("from", start), ("to", end)) if at is not None}
    answer = await client.get(path, params=window | query)
    assert answer.status_code == httpx.codes.OK, answer.text
    read: dict[str, Any] = answer.json()
    return read


async def walk(client: httpx.AsyncClient, query: dict[str, str]) -> list[str]:
    """Return the names on all pages, to which the links lead."""
    names: list[str] = []
    answer = await client.get("/products", params=query)
    while True:
        assert answer.status_code == 200, answer.text
        names += [product["name"] for product in answer.json()["items"]]
        if answer.json()["next"] is None:
            return names
        link = httpx.URL(answer.links["next"]["url"])
        assert query.items() <= dict(link.params).items()
        assert link.params["cursor"] == answer.json()["next"]
        answer = await client.get(link)


def problem_of(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """Return the problem that the answer is, having checked that it is this one in the one form there is."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROBLEM), answer.text
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == f"/problems/{slug}"
    assert problem["status"] == status
    assert UUID(problem["instance"]).urn == problem["instance"]
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert problem.keys() - {"errors", "oldest"} == {"type", "title", "status", "detail", "instance", "request_id"}
    assert answer.headers["Cache-Control"] == "no-store"
    return problem


def pointers(problem: dict[str, Any]) -> list[str]:
    """Return where the mistakes in the body are."""
    return [error["pointer"] for error in problem["errors"]]


def parameters(problem: dict[str, Any]) -> list[str]:
    """Return which parameters have mistakes."""
    return [error["parameter"] for error in problem["errors"]]
