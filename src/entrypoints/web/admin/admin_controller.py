"""What admins see first: the products that need them, and the health of the catalogue."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from litestar import Controller, Request, Response, get
from litestar.response.base import ASGIResponse

from application.catalogue.listing import NEWEST_FIRST, ProductFilter
from application.catalogue.views import ProductView, SynchronisationView
from application.synchronisation.lag import ReadLag
from application.synchronisation.timing import Timing
from domain.product import RegistrationState
from entrypoints.http.products.catalogue import Catalogue
from entrypoints.http.route_declarations import Declaration, Injected, declared
from entrypoints.readiness import OK, Readiness, SharedCheck
from entrypoints.web.admin.admin_page import show_to_admin
from entrypoints.web.formats import Formats
from entrypoints.web.pages import NOT_KEPT, Pages
from entrypoints.web.sessions import Sessions

SHOWN = 20
"""Products that need attention, on one page."""
TOLERATED = timedelta(minutes=2)
"""A lag that is not worth a warning."""
A_SECOND = timedelta(seconds=1)

_PRODUCTS = msgspec.json.Decoder(list[ProductView])


@dataclass(frozen=True, slots=True)
class Need:
    """A product that needs an admin: what is wrong, and what to do."""

    product: ProductView
    problem: str
    remedy: str
    retry: bool


class AdminController(Controller):
    """The page for admins; the router around it lets nobody else in."""

    path = "/"
    include_in_schema = False
    # The session is checked by the router's guard, so no bearer token is asked for.
    opt = declared(Declaration(session=True, ignores_query=True))

    @get("/")
    async def overview(
        self,
        request: Request[Any, Any, Any],
        catalogue: Injected[Catalogue],
        read_lag: Injected[ReadLag],
        timing: Injected[Timing],
        shared_check: Injected[SharedCheck],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Show what needs an admin, and how the service is."""
        formats = pages.formats(request)
        lag = await read_lag()
        found = await catalogue.reader.products(SHOWN, NEWEST_FIRST, None, ProductFilter(attention=True))
        products = _PRODUCTS.decode(found.json)
        attempts = await catalogue.reader.synchronisations([product.id for product in products])
        needs = [_need(product, attempts[product.id], formats) for product in products if product.id in attempts]
        more = found.next is not None
        # A product that does not fail is stale only where observing is behind.
        if lag > timing.refresh_interval and len(needs) < SHOWN:
            found = await catalogue.reader.products(SHOWN, NEWEST_FIRST, None, ProductFilter(stale=True))
            listed = {need.product.id for need in needs}
            stale = [product for product in _PRODUCTS.decode(found.json) if product.id not in listed]
            room = SHOWN - len(needs)
            needs += [_stale(product, formats) for product in stale[:room]]
            more = more or found.next is not None or len(stale) > room
        health = _health(await shared_check(), lag, formats)
        return show_to_admin(
            request,
            pages,
            sessions,
            "admin.html",
            formats,
            needs=needs,
            more=more,
            health=health,
            done=DONE.get(request.query_params.get("done", ""), ""),
        )

    @get("/session", status_code=204)
    async def renew(self, request: Request[Any, Any, Any], sessions: Injected[Sessions]) -> Response[None]:
        """Renew the session while somebody types."""
        cookie = sessions.cookie(request, request.scope["state"]["subject"])
        return Response(None, headers={"Set-Cookie": cookie, "Cache-Control": NOT_KEPT})


DONE = {
    "deleted": "The product is deleted. Its name is free again.",
    "retried": "The registration is tried again. Load this page in a minute to see how it went.",
}


def _need(product: ProductView, state: SynchronisationView, formats: Formats) -> Need:
    registration = product.registration
    if registration.state is RegistrationState.REJECTED:
        problem = f"The Offers service refused it: {registration.detail or 'no reason given'}"
        return Need(product, problem, "Edit the product so that it is accepted, then try again.", retry=True)
    if registration.state is RegistrationState.CONFLICT:
        remedy = "Delete it and create it again, with another id, or try again after the other one has been removed."
        return Need(product, "The Offers service has another product under its id.", remedy, retry=True)
    if not state.consecutive_failures:
        rows = "One row" if state.refused_rows == 1 else f"{state.refused_rows} rows"
        problem = f"{rows} of its last answer could not be read. Such an offer counts as unknown after three intervals."
        return Need(product, problem, "If it stays so, tell the operators of the Offers service.", retry=False)
    failures = "The last attempt" if state.consecutive_failures == 1 else f"{state.consecutive_failures} attempts"
    problem = f"{failures} failed: {state.last_error or 'no reason recorded'}"
    next_at = state.next_attempt_at
    when = "soon" if next_at is None or next_at <= formats.now else f"at {formats.clock(next_at)}"
    return Need(product, problem, f"Nothing to do now: it is tried again {when}.", retry=False)


def _stale(product: ProductView, formats: Formats) -> Need:
    problem = f"Its price is too old to be trusted: it was last seen {formats.age(product.observed_at or formats.now)}."
    remedy = "The workers are behind or have stopped: start more, or look into their log."
    return Need(product, problem, remedy, retry=False)


def _health(readiness: Readiness, lag: timedelta, formats: Formats) -> list[tuple[bool, str]]:
    late = lag > TOLERATED
    return [
        (readiness.database == OK, f"Database: {readiness.database}"),
        (readiness.migrations == OK, f"Its layout: {readiness.migrations}"),
        (readiness.queue == OK, f"Job queue: {readiness.queue}"),
        (readiness.offers_service == OK, f"Access to the Offers service: {readiness.offers_service}"),
        (
            not late,
            f"The oldest observation is {formats.length(lag)} late: start more workers, or look into their log."
            if late
            else f"All workers keep up: the most overdue observation is {formats.length(max(lag, A_SECOND))} late.",
        ),
    ]
