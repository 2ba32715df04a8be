"""Routes that set the simulator's switches and show its state; the real service has none of them."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec import Meta

from entrypoints.development.offers_simulator.answers import JSON
from entrypoints.development.offers_simulator.faults import Faults, Products
from entrypoints.development.offers_simulator.product import Offer
from entrypoints.development.offers_simulator.simulation import Simulation
from entrypoints.development.offers_simulator.world import WorldFullError

Dictated = Annotated[list[Offer], Meta(max_length=20_000)]


class Actions(msgspec.Struct, kw_only=True):
    """Actions that are carried out once, at the moment of the request.

    forget_registrations: lose all registrations (true) or some.
    register_products: know these products as if another client had registered them.
    invalidate_token: refuse the live token and issue a new one on request.
    take_token: refuse the live token, and issue no new one until that of another client expires.
    advance: let so many ticks pass.
    """

    forget_registrations: bool | Products = False
    register_products: Products = frozenset()
    invalidate_token: bool = False
    take_token: bool = False
    advance: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class Control:
    """Shows and changes the faults, the dictated offers and the counters."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, which need no token."""
        return [
            web.get("/__control", self.show_faults),
            web.put("/__control", self.change_faults),
            web.delete("/__control", self.reset_faults),
            web.put("/__offers/{id}", self.dictate_offers),
            web.delete("/__offers/{id}", self.stop_dictating),
            web.get("/__state", self.show_state),
            web.delete("/__state", self.reset_counters),
            web.get("/__state/products/{id}", self.show_product),
        ]

    async def show_faults(self, _request: web.Request) -> web.Response:
        """Answer the present switches."""
        return _json(200, _builtins(self._simulation.faults))

    async def change_faults(self, request: web.Request) -> web.Response:
        """Set the switches and do the actions given; one that is unknown or ill-typed answers 400 for all."""
        given = msgspec.json.decode(await request.read(), type=dict[str, Any])
        wanted = {name: given.pop(name) for name in Actions.__struct_fields__ if name in given}
        actions = msgspec.convert(wanted, Actions)
        faults = msgspec.convert(_builtins(self._simulation.faults) | given, Faults, str_keys=True)
        self._act(actions)
        self._simulation.misbehave(faults)
        return await self.show_faults(request)

    async def reset_faults(self, request: web.Request) -> web.Response:
        """Turn every switch off; dictated offers stay."""
        self._simulation.misbehave(Faults())
        return await self.show_faults(request)

    async def dictate_offers(self, request: web.Request) -> web.Response:
        """Show exactly these offers, in this order, whenever the product is registered."""
        offers = msgspec.json.decode(await request.read(), type=Dictated)
        self._simulation.world.dictate(_product_id(request), offers)
        return web.Response(status=204)

    async def stop_dictating(self, request: web.Request) -> web.Response:
        """Show the product's own market again."""
        self._simulation.world.stop_dictating(_product_id(request))
        return web.Response(status=204)

    async def show_state(self, request: web.Request) -> web.Response:
        """Answer the counters, with `?products=true` each product's too.

        Calls are counted by endpoint and outcome: a status, or hung, reset, lost, cut, abandoned.
        """
        simulation, traffic = self._simulation, self._simulation.traffic
        state = {
            "calls": traffic.calls,
            "in_flight": traffic.in_flight,
            "greatest_concurrency": traffic.greatest_concurrency,
            "auth_calls": list(traffic.auth_calls),
            "gaps": traffic.gaps,
            "user_agents": traffic.agents,
            "registrations": len(simulation.world),
            "tick": simulation.world.tick_at(simulation.clock()),
        }
        if request.query.get("products") == "true":
            state["products"] = traffic.products
        return _json(200, state)

    async def show_product(self, request: web.Request) -> web.Response:
        """Answer one product's counters and its offers as the service would show them without faults."""
        simulation, product_id = self._simulation, _product_id(request)
        state = {
            "registered": product_id in simulation.world,
            "offers": simulation.shown_offers(product_id),
            "traffic": simulation.traffic.products.get(product_id),
        }
        return _json(200, state)

    async def reset_counters(self, _request: web.Request) -> web.Response:
        """Count from zero again; registrations, tokens and switches stay."""
        self._simulation.traffic.reset()
        return web.Response(status=204)

    def _act(self, actions: Actions) -> None:
        simulation = self._simulation
        for product_id in actions.register_products:
            simulation.world.register(product_id, simulation.clock())
        if forgotten := actions.forget_registrations:
            simulation.world.forget(None if forgotten is True else forgotten)
        if actions.invalidate_token:
            simulation.tokens.invalidate()
        if actions.take_token:
            simulation.tokens.hand_to_stranger(simulation.clock())
        simulation.world.advance(actions.advance)


@web.middleware
async def refuse_unreadable(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse input that cannot be read with 400, and more than the simulator holds with 507."""
    try:
        return await handler(request)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return _json(400, {"detail": str(error)})
    except WorldFullError:
        return _json(507, {"detail": "The simulator holds no more."})


def _product_id(request: web.Request) -> UUID:
    return msgspec.convert(request.match_info["id"], UUID)


def _builtins(faults: Faults) -> dict[str, Any]:
    builtins: dict[str, Any] = msgspec.to_builtins(faults, str_keys=True)
    return builtins


def _json(status: int, value: object) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), content_type=JSON)
