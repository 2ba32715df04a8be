"""The page of the audit log: filters, and what was before beside what came after."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any
from urllib.parse import urlencode

from litestar import Controller, Request, get
from litestar.response.base import ASGIResponse

from application.access.audit import Action
from application.access.audit_records import AuditFilter, AuditReader
from entrypoints.http.audit.cursors import AuditCursors
from entrypoints.http.route_declarations import Declaration, Injected, declared
from entrypoints.web.admin.admin_page import show_to_admin
from entrypoints.web.pages import Pages
from entrypoints.web.sessions import Sessions

SHOWN = 50
"""Records on one page."""
LONGEST_TEXT = 255
_FIELDS = ("actor", "action", "subject", "from", "to")
_ACTIONS = {action.value: action for action in Action}
_A_DAY = timedelta(days=1)


@dataclass(slots=True)
class AuditForm:
    """The filters as they were typed, and their mistakes by field."""

    typed: dict[str, str]
    mistakes: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, request: Request[Any, Any, Any]) -> "AuditForm":
        """Read the filters of a link; a text that is too long is cut."""
        return cls({name: request.query_params.get(name, "")[:LONGEST_TEXT].strip() for name in _FIELDS})

    def filter(self, zone: tzinfo) -> AuditFilter:
        """Return the filter, without what is mistaken: the days are the viewer's, the last one included."""
        return AuditFilter(
            actor=self.typed["actor"] or None,
            action=_ACTIONS.get(self.typed["action"]),
            subject_id=self.typed["subject"] or None,
            since=self._begin("from", zone, timedelta(0)),
            until=self._begin("to", zone, _A_DAY),
        )

    def _begin(self, name: str, zone: tzinfo, later: timedelta) -> datetime | None:
        if not self.typed[name]:
            return None
        try:
            return datetime.combine(date.fromisoformat(self.typed[name]) + later, time(), zone)
        except (ValueError, OverflowError):
            self.mistakes[name] = "This must be a day, as 2026-11-26."
            return None


class AuditController(Controller):
    """The page of the audit log."""

    path = "/audit"
    include_in_schema = False
    opt = declared(Declaration(session=True, ignores_query=True))

    @get("/")
    async def records(
        self,
        request: Request[Any, Any, Any],
        audit_reader: Injected[AuditReader],
        audit_cursors: Injected[AuditCursors],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Show the records that pass the filters, newest first."""
        form, formats = AuditForm.of(request), pages.formats(request)
        wanted = form.filter(formats.viewer.zone)
        after = request.query_params.get("after")
        position = audit_cursors.read(after, wanted) if after else None
        records, following = await audit_reader.page(wanted, SHOWN, position)
        given = {name: value for name, value in form.typed.items() if value}
        older = None if following is None else urlencode(given | {"after": audit_cursors.write(wanted, following)})
        return show_to_admin(
            request,
            pages,
            sessions,
            "audit.html",
            formats,
            status=422 if form.mistakes else 200,
            records=records,
            older=older,
            form=form.typed,
            mistakes=form.mistakes,
            actions=list(_ACTIONS),
        )
