"""The Offers service of the story: tokens, offers, and messages that are long on their way."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from application.synchronisation.access_token.issuing import AnotherTokenIsValid
from application.synchronisation.access_token.secret import Secret
from application.synchronisation.offers_gateway import OffersServiceUnavailable, RegistrationRefused
from domain.offer import ObservedOffers
from fakes.offers_gateway import ScriptedOffersGateway, observed
from fakes.storage import FakeClock

TOKEN_LIFE = timedelta(seconds=300)
SOONEST_RETRY = timedelta(seconds=1.6)
PATIENCE_WITH_AUTH = 10
"""How long a caller waits for a token, in seconds."""
AUTH = UUID(int=0)
"""Stands where a call for a token is meant and not one for a product."""
REFUSED_NAME = "refused"


class Way(StrEnum):
    """Which of a call's messages is slow."""

    REQUEST = "request"
    REPLY = "reply"


@dataclass
class Issuer:
    """Gives a token to every caller, but none while the last one lives."""

    clock: FakeClock
    token: str = ""
    ends_at: datetime | None = None
    down: bool = False
    loses_reply: bool = False
    issued: int = 0
    asked_at: datetime | None = None
    failed_at: datetime | None = None
    flaws: list[str] = field(default_factory=list)

    def accepts(self, token: Secret) -> bool:
        return token.reveal() == self.token and self.lives

    @property
    def lives(self) -> bool:
        return self.ends_at is not None and self.clock.now < self.ends_at

    def revoke(self) -> None:
        self.ends_at = self.asked_at = None

    def forgive(self) -> None:
        """Let the next request come as soon as it likes."""
        self.asked_at = self.failed_at = None

    def note_request(self) -> None:
        """Ask for a token, which takes no longer than a caller's patience."""
        if self.asked_at is not None and self.clock.now - self.asked_at < SOONEST_RETRY:
            self.flaws.append("two ask for a token at once")
        self.asked_at = self.clock.now

    def issue(self) -> Secret:
        if self.failed_at is not None and self.clock.now - self.failed_at < SOONEST_RETRY:
            self.flaws.append("a token is asked for again too soon")
        self.failed_at = self.clock.now
        if self.down:
            raise OffersServiceUnavailable("HTTP 503")
        if self.lives:
            raise AnotherTokenIsValid("another access token is valid upstream")
        self.issued += 1
        self.token, self.ends_at = f"token-{self.issued}", self.clock.now + TOKEN_LIFE
        if self.loses_reply:
            raise OffersServiceUnavailable("connection failed")
        self.failed_at = None
        return Secret(self.token)


@dataclass
class Upstream(ScriptedOffersGateway):
    """Refuses to register one name; `assortment` is what a product will have on offer once it is registered."""

    clock: FakeClock = field(default_factory=FakeClock)
    assortment: dict[UUID, ObservedOffers] = field(default_factory=dict)
    slow: dict[UUID, Way] = field(default_factory=dict)
    travelling: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.issuer = Issuer(self.clock)

    async def register(self, product_id: UUID, name: str, description: str) -> None:
        if name == REFUSED_NAME and product_id not in self.offers and product_id not in self.foreign:
            raise RegistrationRefused("the name is not liked")
        try:
            await super().register(product_id, name, description)
        finally:
            if product_id in self.offers:
                self.offers[product_id] = self.assortment.get(product_id, observed())

    def put_on_offer(self, product_id: UUID, offers: ObservedOffers) -> None:
        self.assortment[product_id] = offers
        if product_id in self.offers:
            self.offers[product_id] = offers

    async def travel(self, product_id: UUID, way: Way) -> None:
        if self.slow.get(product_id) is way:
            loop = asyncio.get_running_loop()
            arrival = loop.create_future()
            self.travelling.append((loop, arrival))
            await arrival

    def let_all_arrive(self) -> None:
        """Bring the messages on their way; a frozen process gets them when it goes on, a dead one never."""
        for loop, arrival in self.travelling:
            loop.call_soon(_arrive, arrival)
        self.travelling.clear()

    def recover(self) -> None:
        """Be well again, as a service whose facts stay as they are."""
        self.slow.clear()
        self.let_all_arrive()
        self.trouble.clear()
        self.lost_replies.clear()
        self.issuer.down = self.issuer.loses_reply = False
        for product_id, offers in _whole(self.assortment).items():
            self.put_on_offer(product_id, offers)


def _arrive(arrival: "asyncio.Future[None]") -> None:
    if not arrival.done():
        arrival.set_result(None)


def _whole(assortment: Mapping[UUID, ObservedOffers]) -> dict[UUID, ObservedOffers]:
    return {id: ObservedOffers(offers.offers) for id, offers in assortment.items()}
