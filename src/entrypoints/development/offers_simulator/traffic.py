"""Counters of the clients' calls, bounded however long the simulator runs."""

from collections import Counter, deque
from typing import Literal
from uuid import UUID

import msgspec

MAX_PRODUCTS = 200_000
MAX_AGENTS = 100
MAX_AUTH_CALLS = 1_000

Route = Literal["auth", "register", "offers", "other"]


class Gaps(msgspec.Struct, gc=False):
    """The shortest and longest time between two consecutive calls, in seconds; None before the second."""

    shortest: float | None = None
    longest: float | None = None

    def add(self, gap: float) -> None:
        """Count one gap."""
        self.shortest = gap if self.shortest is None else min(self.shortest, gap)
        self.longest = gap if self.longest is None else max(self.longest, gap)


class ProductTraffic(msgspec.Struct, kw_only=True):
    """The calls for one product; times are epoch seconds.

    `registrations` counts those committed, `offers_served` answers with 200; gaps are between calls to the
    same endpoint.
    """

    registrations: int = 0
    register_calls: int = 0
    offers_calls: int = 0
    offers_served: int = 0
    first_call: float = 0.0
    last_call: float = 0.0
    last_register_call: float | None = None
    last_offers_call: float | None = None
    register_gaps: Gaps = msgspec.field(default_factory=Gaps)
    offers_gaps: Gaps = msgspec.field(default_factory=Gaps)


class AuthCall(msgspec.Struct, frozen=True):
    """One call for a token: when it came (epoch seconds) and how it ended."""

    at: float
    outcome: str


class Call(msgspec.Struct):
    """One call under way; `outcome` is a status, or the word for a call that got none."""

    route: Route
    at: float
    product: ProductTraffic | None
    outcome: str = "abandoned"


class Traffic:
    """The counters. Products beyond the bound are counted together only, agents beyond it as "others"."""

    def __init__(self) -> None:
        self.calls: dict[Route, Counter[str]] = {}
        self.agents: Counter[str] = Counter()
        self.auth_calls: deque[AuthCall] = deque(maxlen=MAX_AUTH_CALLS)
        self.products: dict[UUID, ProductTraffic] = {}
        self.gaps: dict[Route, Gaps] = {"register": Gaps(), "offers": Gaps()}
        self.in_flight = 0
        self.greatest_concurrency = 0

    def reset(self) -> None:
        """Forget everything but the calls under way."""
        self.calls.clear()
        self.agents.clear()
        self.auth_calls.clear()
        self.products.clear()
        self.gaps = {"register": Gaps(), "offers": Gaps()}
        self.greatest_concurrency = self.in_flight

    def enter(self, route: Route, *, at: float, agent: str, product_id: UUID | None = None) -> Call:
        """Count a call that begins."""
        self.in_flight += 1
        self.greatest_concurrency = max(self.greatest_concurrency, self.in_flight)
        agent = agent[:200]
        known = agent in self.agents or len(self.agents) < MAX_AGENTS
        self.agents[agent if known else "others"] += 1
        return Call(route, at, self._count_product(route, product_id, at))

    def leave(self, call: Call) -> None:
        """Count a call's outcome."""
        self.in_flight -= 1
        self.calls.setdefault(call.route, Counter())[call.outcome] += 1
        if call.route == "auth":
            self.auth_calls.append(AuthCall(call.at, call.outcome))
        elif call.route == "offers" and call.outcome == "200" and call.product is not None:
            call.product.offers_served += 1

    def count_registration(self, product_id: UUID) -> None:
        """Count a registration that was committed, even if its answer is lost."""
        product = self.products.get(product_id)
        if product is not None:
            product.registrations += 1

    def _count_product(self, route: Route, product_id: UUID | None, at: float) -> ProductTraffic | None:
        if product_id is None:
            return None
        product = self.products.get(product_id)
        if product is None:
            if len(self.products) >= MAX_PRODUCTS:
                return None
            product = self.products[product_id] = ProductTraffic(first_call=at)
        product.last_call = at
        if route == "register":
            product.register_calls += 1
            previous, product.last_register_call, gaps = product.last_register_call, at, product.register_gaps
        else:
            product.offers_calls += 1
            previous, product.last_offers_call, gaps = product.last_offers_call, at, product.offers_gaps
        if previous is not None:
            gaps.add(at - previous)
            self.gaps[route].add(at - previous)
        return product
