"""What the simulator tells about itself: the counters put together with the state they belong to."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from entrypoints.development.offers_simulator.product import Offer
from entrypoints.development.offers_simulator.simulation import Simulation
from entrypoints.development.offers_simulator.traffic import AuthCall, Gaps, ProductTraffic, Route
from entrypoints.development.offers_simulator.upstream import shown_offers


class TrafficReport(msgspec.Struct, kw_only=True, frozen=True):
    """All counters; calls are by endpoint and outcome: a status, or hung, reset, lost, cut, abandoned."""

    calls: Mapping[Route, Mapping[str, int]]
    in_flight: int
    greatest_concurrency: int
    auth_calls: Sequence[AuthCall]
    gaps: Mapping[Route, Gaps]
    user_agents: Mapping[str, int]
    registrations: int
    tick: int
    products: Mapping[UUID, ProductTraffic] | msgspec.UnsetType = msgspec.UNSET


class ProductReport(msgspec.Struct, frozen=True):
    """One product: whether it is registered, its offers if so, and its counters if it was ever called for."""

    registered: bool
    offers: Sequence[Offer] | None
    traffic: ProductTraffic | None


def report_traffic(simulation: Simulation, *, with_products: bool) -> TrafficReport:
    """Report all counters."""
    traffic = simulation.traffic
    return TrafficReport(
        calls=traffic.calls,
        in_flight=traffic.in_flight,
        greatest_concurrency=traffic.greatest_concurrency,
        auth_calls=list(traffic.auth_calls),
        gaps=traffic.gaps,
        user_agents=traffic.agents,
        registrations=len(simulation.world),
        tick=simulation.world.tick_at(simulation.clock()),
        products=traffic.products if with_products else msgspec.UNSET,
    )


def report_product(simulation: Simulation, product_id: UUID) -> ProductReport:
    """Report one product."""
    return ProductReport(
        registered=product_id in simulation.world,
        offers=shown_offers(simulation, product_id),
        traffic=simulation.traffic.products.get(product_id),
    )
