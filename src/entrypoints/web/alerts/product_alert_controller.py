"""Pages of one product's alerts: their states, and the form of a new one, which may be tried before it is saved."""

from typing import Any
from uuid import UUID

from litestar import Controller, Request, get, post
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from application.access.actor import Actor
from application.alerts.management import CreateAlert
from application.alerts.reading import AlertReader
from domain.errors import InvalidAlert, ProductNotFound, TooManyAlerts
from entrypoints.http.products.catalogue import Catalogue
from entrypoints.http.route_declarations import Declaration, Injected, declared
from entrypoints.web.admin.admin_page import lead_admin, show_to_admin
from entrypoints.web.alerts.alert_form import ALL, AlertForm
from entrypoints.web.alerts.form_page import new_page, show_form, try_form
from entrypoints.web.alerts.product_names import names_of
from entrypoints.web.alerts.trials import Trials
from entrypoints.web.alerts.words import rule, standing
from entrypoints.web.pages import Pages
from entrypoints.web.sessions import Sessions

SHOWN = 25
"""Alerts of a product."""


class ProductAlertController(Controller):
    """Pages for the alerts of a product."""

    path = "/products/{product_id:uuid}/alerts"
    include_in_schema = False
    opt = declared(Declaration(session=True, ignores_query=True))

    @get("/")
    async def alerts(
        self,
        request: Request[Any, Any, Any],
        product_id: FromPath[UUID],
        catalogue: Injected[Catalogue],
        alert_reader: Injected[AlertReader],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Show the alerts of the product; the product's own page shows a part of this page."""
        names = await names_of(catalogue.reader, [product_id])
        if product_id not in names:
            raise ProductNotFound(product_id)
        formats = pages.formats(request)
        found = await alert_reader.of_product(product_id, SHOWN + 1)
        lines = [(alert, rule(alert.rule, formats), standing(alert, state, formats)) for alert, state in found[:SHOWN]]
        return show_to_admin(
            request,
            pages,
            sessions,
            "alerts/product.html",
            formats,
            product_id=product_id,
            name=names[product_id],
            lines=lines,
            more=len(found) > SHOWN,
        )

    @get("/new")
    async def new(
        self,
        request: Request[Any, Any, Any],
        product_id: FromPath[UUID],
        catalogue: Injected[Catalogue],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Show the form of a new alert."""
        page = await new_page(catalogue.reader, product_id)
        return show_form(request, pages, sessions, page, page.untouched)

    @post("/new", status_code=303)
    async def create(
        self,
        request: Request[Any, Any, Any],
        product_id: FromPath[UUID],
        catalogue: Injected[Catalogue],
        create_alert: Injected[CreateAlert],
        trials: Injected[Trials],
        actor: Injected[Actor],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Create the alert and show it, or the form with its mistakes or its trial."""
        form, formats = await AlertForm.of(request), pages.formats(request)
        page = await new_page(catalogue.reader, product_id)
        if form.do:
            trial = await try_form(page, form, trials, formats)
            return show_form(request, pages, sessions, page, form, trial)
        form.check_name()
        draft = form.draft(formats.viewer.locale)
        if draft is not None:
            try:
                alert = await create_alert(
                    name=form.typed["name"],
                    product_ids=None if form.typed["scope"] == ALL else [product_id],
                    when=draft.when,
                    hold=draft.hold,
                    cooldown=draft.cooldown,
                    actor=actor,
                )
                return lead_admin(request, sessions, f"/admin/alerts/{alert.id}?done=created")
            except (InvalidAlert, TooManyAlerts) as error:
                form.mistakes[""] = str(error)
        return show_form(request, pages, sessions, page, form)
