"""The form of an alert that is edited, and the question before it is deleted."""

from typing import Any
from uuid import UUID

from litestar import Controller, Request, get, post
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from application.access.actor import Actor
from application.alerts.management import AmendAlert, DeleteAlert
from application.alerts.reading import AlertReader
from entrypoints.http.products.catalogue import Catalogue
from entrypoints.http.route_declarations import Declaration, Injected, declared
from entrypoints.web.admin.admin_page import lead_admin, show_to_admin
from entrypoints.web.alerts.alert_form import AlertForm
from entrypoints.web.alerts.form_page import FormPage, edit_page, show_form, try_form
from entrypoints.web.alerts.trials import Trials
from entrypoints.web.pages import Pages
from entrypoints.web.sessions import Sessions


class AlertEditController(Controller):
    """Pages that change an alert."""

    path = "/alerts/{alert_id:uuid}"
    include_in_schema = False
    opt = declared(Declaration(session=True, ignores_query=True))

    @get("/edit")
    async def edit(
        self,
        request: Request[Any, Any, Any],
        alert_id: FromPath[UUID],
        catalogue: Injected[Catalogue],
        alert_reader: Injected[AlertReader],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Show the alert's form."""
        page = await edit_page(catalogue.reader, alert_reader, alert_id)
        return show_form(request, pages, sessions, page, page.untouched)

    @post("/edit", status_code=303)
    async def amend(
        self,
        request: Request[Any, Any, Any],
        alert_id: FromPath[UUID],
        catalogue: Injected[Catalogue],
        alert_reader: Injected[AlertReader],
        amend_alert: Injected[AmendAlert],
        trials: Injected[Trials],
        actor: Injected[Actor],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Save the alert and show it, or the form with its mistakes or its trial."""
        form, formats = await AlertForm.of(request), pages.formats(request)
        page = await edit_page(catalogue.reader, alert_reader, alert_id)
        if form.do:
            trial = await try_form(page, form, trials, formats)
            return show_form(request, pages, sessions, page, form, trial)
        _refuse_changed(page, form)
        form.check_name()
        draft = form.draft(formats.viewer.locale)
        if draft is None:
            return show_form(request, pages, sessions, page, form)
        await amend_alert(
            alert_id,
            name=form.typed["name"],
            when=draft.when,
            hold=draft.hold,
            cooldown=draft.cooldown,
            actor=actor,
        )
        return lead_admin(request, sessions, f"/admin/alerts/{alert_id}?done=saved")

    @get("/delete")
    async def confirm(
        self,
        request: Request[Any, Any, Any],
        alert_id: FromPath[UUID],
        alert_reader: Injected[AlertReader],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Ask once before an alert is deleted."""
        found = await alert_reader.detail(alert_id, 1, 0)
        formats = pages.formats(request)
        return show_to_admin(request, pages, sessions, "alerts/delete.html", formats, alert=found.alert)

    @post("/delete", status_code=303)
    async def remove(
        self,
        request: Request[Any, Any, Any],
        alert_id: FromPath[UUID],
        delete_alert: Injected[DeleteAlert],
        actor: Injected[Actor],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Delete the alert."""
        await delete_alert(alert_id, actor=actor)
        return lead_admin(request, sessions, "/admin/alerts?done=deleted")


def _refuse_changed(page: FormPage, form: AlertForm) -> None:
    """Add a mistake if the alert was edited since the form was shown; saving again replaces that edit."""
    revision = str(page.alert.revision) if page.alert else ""
    if form.typed["revision"] != revision:
        form.typed["revision"] = revision
        form.mistakes[""] = "The alert was edited meanwhile, by somebody else or a key. Save again to replace that."
