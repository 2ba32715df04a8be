"""The three calls of the Offers service, as it answers them when all is well."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from entrypoints.development.offers_simulator.answers import (
    Answer,
    FieldError,
    answer_detail,
    answer_invalid,
    answer_json,
    ill_typed,
    missing,
)
from entrypoints.development.offers_simulator.malformed import malformed_answer
from entrypoints.development.offers_simulator.product import Offer
from entrypoints.development.offers_simulator.registration import Registration, read_registration, read_uuid
from entrypoints.development.offers_simulator.simulation import Simulation
from entrypoints.development.offers_simulator.tokens import TokenForm
from entrypoints.development.offers_simulator.transmission import Transmission
from entrypoints.development.offers_simulator.world import WorldFullError

API = "/api/v1"
TOKEN_HEADER = "Bearer"

_TOKEN_FORMS: dict[str, TokenForm] = {
    "no_expires": "no_expires",
    "odd_expires": "odd_expires",
    "not_jwt": "not_jwt",
}


class Upstream:
    """Answers by the published contract, out of the simulation's world."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._transmission = Transmission(simulation)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(f"{API}/products/{{product_id}}/offers", self.offers, allow_head=False),
            web.post(f"{API}/products/register", self.register),
            web.post(f"{API}/auth", self.auth),
        ]

    async def auth(self, request: web.Request) -> web.StreamResponse:
        """Give out an access token."""
        refresh_token = request.headers.get(TOKEN_HEADER)
        return await self._transmission.carry(request, "auth", lambda: self._auth(refresh_token))

    async def register(self, request: web.Request) -> web.StreamResponse:
        """Register a product."""
        token = request.headers.get(TOKEN_HEADER)
        wish = read_registration(await request.read())
        product_id = wish.id if isinstance(wish, Registration) else None
        return await self._transmission.carry(
            request, "register", lambda: self._register(token, wish), product_id=product_id
        )

    async def offers(self, request: web.Request) -> web.StreamResponse:
        """Show a product's offers."""
        token = request.headers.get(TOKEN_HEADER)
        product_id = read_uuid(request.match_info["product_id"])
        return await self._transmission.carry(
            request, "offers", lambda: self._offers(token, product_id), product_id=product_id
        )

    @web.middleware
    async def refuse_unknown(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse and count the calls that the service does not have: 404 for a path, 405 for a method."""
        try:
            return await handler(request)
        except web.HTTPNotFound:
            refusal = answer_detail(404)
        except web.HTTPMethodNotAllowed as error:
            refusal = msgspec.structs.replace(answer_detail(405), headers={"Allow": error.headers["Allow"]})
        return await self._transmission.carry(request, "other", lambda: refusal)

    def _auth(self, refresh_token: str | None) -> Answer:
        simulation = self._simulation
        kind = simulation.faults.auth_answer
        if refresh_token is None:
            return answer_invalid([missing("header", TOKEN_HEADER)])
        if refresh_token != simulation.options.refresh_token:
            return answer_detail(401)
        form = _TOKEN_FORMS.get(kind or "", "jwt")
        token = simulation.tokens.issue(simulation.clock(), simulation.faults, form)
        if token is None:
            return answer_detail(400, "Cannot generate access token because another is valid")
        if kind == "not_json":
            return Answer(201, b"<h1>Created</h1>", "text/html")
        if kind == "no_token":
            return answer_json(201, {})
        return answer_json(201, {"access_token": None if kind == "null_token" else token})

    def _register(self, token: str | None, wish: Registration | list[FieldError]) -> Answer:
        simulation = self._simulation
        faults, now = simulation.faults, simulation.clock()
        if isinstance(wish, list):
            return answer_invalid(wish)
        if not self._accepts(token):
            return answer_detail(401)
        if faults.rejects(wish.id, wish.name):
            return answer_invalid([FieldError(("body", "name"), "value is not acceptable", "value_error")])
        if faults.claims_foreign(wish.id, wish.name):
            return answer_detail(409, "Product ID already registered")
        try:
            added = simulation.world.register(wish.id, now)
        except WorldFullError:
            return answer_detail(503, "The simulator holds no more products")
        if not added:
            return answer_detail(409, "Product ID already registered")
        simulation.traffic.count_registration(wish.id)
        return answer_json(201, {"id": str(wish.id)})

    def _offers(self, token: str | None, product_id: UUID | None) -> Answer:
        simulation = self._simulation
        if product_id is None:
            return answer_invalid([ill_typed("uuid", "path", "product_id")])
        if not self._accepts(token):
            return answer_detail(401)
        offers = shown_offers(simulation, product_id)
        if offers is None:
            return answer_detail(404, "Product does not exist")
        if not simulation.world.is_dictated(product_id):
            offers = simulation.dice.sample(offers, len(offers))
        kind = simulation.faults.malformed_kind(product_id)
        if kind is None:
            return answer_json(200, offers)
        return malformed_answer(kind, offers, field=simulation.faults.bad_field, dice=simulation.dice)

    def _accepts(self, token: str | None) -> bool:
        # The published description makes the header optional: it is missed after path and body are checked, and by 401.
        simulation = self._simulation
        return token is not None and simulation.tokens.accepts(token, simulation.clock(), simulation.faults)


def shown_offers(simulation: Simulation, product_id: UUID) -> Sequence[Offer] | None:
    """Return the offers the service has for this product now, None when it does not know it."""
    if product_id in simulation.faults.foreign_products:
        return None
    return simulation.world.offers(product_id, simulation.clock())
