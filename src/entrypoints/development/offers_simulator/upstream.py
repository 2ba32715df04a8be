"""The three calls of the Offers service, as it answers them without a fault."""

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
from entrypoints.development.offers_simulator.registration import Registration, read_registration, read_uuid
from entrypoints.development.offers_simulator.simulation import Simulation
from entrypoints.development.offers_simulator.transmission import carry
from entrypoints.development.offers_simulator.world import WorldFullError

API = "/api/v1"
TOKEN_HEADER = "Bearer"


class Upstream:
    """Answers by the published contract, out of the simulation's world."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(f"{API}/products/{{product_id}}/offers", self.offers, allow_head=False),
            web.post(f"{API}/products/register", self.register),
            web.post(f"{API}/auth", self.auth),
        ]

    @web.middleware
    async def refuse_unknown(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse and count calls that the service does not have: 404 for a path, 405 for a method."""
        try:
            return await handler(request)
        except web.HTTPNotFound:
            refusal = answer_detail(404)
        except web.HTTPMethodNotAllowed as error:
            refusal = msgspec.structs.replace(answer_detail(405), headers={"Allow": error.headers["Allow"]})
        return await carry(self._simulation, request, "other", lambda: refusal)

    async def auth(self, request: web.Request) -> web.StreamResponse:
        """Give out an access token."""
        return await carry(self._simulation, request, "auth", lambda: self._auth(request))

    async def register(self, request: web.Request) -> web.StreamResponse:
        """Register a product."""
        wish = read_registration(await request.read())
        product_id = wish.id if isinstance(wish, Registration) else None
        return await carry(
            self._simulation, request, "register", lambda: self._register(request, wish), product_id=product_id
        )

    async def offers(self, request: web.Request) -> web.StreamResponse:
        """Show a product's offers."""
        product_id = read_uuid(request.match_info["product_id"])
        return await carry(
            self._simulation, request, "offers", lambda: self._offers(request, product_id), product_id=product_id
        )

    def _auth(self, request: web.Request) -> Answer:
        simulation = self._simulation
        refresh_token = request.headers.get(TOKEN_HEADER)
        if refresh_token is None:
            return answer_invalid([missing("header", TOKEN_HEADER)])
        if refresh_token != simulation.options.refresh_token:
            return answer_detail(401)
        token = simulation.tokens.issue(simulation.clock(), simulation.faults)
        if token is None:
            return answer_detail(400, "Cannot generate access token because another is valid")
        kind = simulation.faults.auth_answer
        if kind == "not_json":
            return Answer(201, b"<h1>Created</h1>", "text/html")
        if kind == "no_token":
            return answer_json(201, {})
        return answer_json(201, {"access_token": None if kind == "null_token" else token})

    def _register(self, request: web.Request, wish: Registration | list[FieldError]) -> Answer:
        simulation = self._simulation
        if isinstance(wish, list):
            return answer_invalid(wish)
        if not self._authorised(request):
            return answer_detail(401)
        if simulation.faults.rejects(wish.id, wish.name):
            return answer_invalid([FieldError(("body", "name"), "value is not acceptable", "value_error")])
        if simulation.faults.claims_foreign(wish.id, wish.name):
            return answer_detail(409, "Product ID already registered")
        try:
            added = simulation.world.register(wish.id, simulation.clock())
        except WorldFullError:
            return answer_detail(503, "The simulator holds no more products")
        if not added:
            return answer_detail(409, "Product ID already registered")
        simulation.traffic.count_registration(wish.id)
        return answer_json(201, {"id": str(wish.id)})

    def _offers(self, request: web.Request, product_id: UUID | None) -> Answer:
        simulation = self._simulation
        if product_id is None:
            return answer_invalid([ill_typed("uuid", "path", "product_id")])
        if not self._authorised(request):
            return answer_detail(401)
        offers = simulation.shown_offers(product_id)
        if offers is None:
            return answer_detail(404, "Product does not exist")
        if not simulation.world.is_dictated(product_id):
            offers = simulation.dice.sample(offers, len(offers))
        kind = simulation.faults.malformed_kind(product_id)
        if kind is None:
            return answer_json(200, offers)
        return malformed_answer(kind, offers, field=simulation.faults.bad_field, dice=simulation.dice)

    def _authorised(self, request: web.Request) -> bool:
        # The published description has the header optional, so that its absence is no 422.
        token = request.headers.get(TOKEN_HEADER, "")
        return self._simulation.tokens.accepts(token, self._simulation.clock(), self._simulation.faults)
