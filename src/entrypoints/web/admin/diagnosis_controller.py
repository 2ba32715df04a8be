"""The page of the diagnosis: the findings of `aggregator doctor`, in the same words.

It is a page of its own, because a diagnosis takes seconds where something hangs, and it needs no database.
"""

from typing import Any

from litestar import Controller, Request, get
from litestar.response.base import ASGIResponse

from application.diagnosis.finding import CHECKED
from application.diagnosis.shared import SharedDiagnosis
from entrypoints.http.route_declarations import Declaration, Injected, declared
from entrypoints.web.admin.admin_page import show_to_admin
from entrypoints.web.pages import Pages
from entrypoints.web.sessions import Sessions


class DiagnosisController(Controller):
    """The page of the diagnosis, of which the admin's page shows a part."""

    path = "/diagnosis"
    include_in_schema = False
    opt = declared(Declaration(session=True, ignores_query=True))

    @get("/")
    async def findings(
        self,
        request: Request[Any, Any, Any],
        shared_diagnosis: Injected[SharedDiagnosis],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Show what is wrong, what it causes and what mends it, the worst first."""
        found = await shared_diagnosis()
        formats = pages.formats(request)
        return show_to_admin(request, pages, sessions, "diagnosis.html", formats, findings=found, checked=CHECKED)
