"""The audit log over HTTP."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Controller, Request, Response, get
from litestar.params import QueryParameter

from application.access.actor import Scope
from application.access.audit import Action
from application.access.audit_records import AuditFilter, AuditReader, AuditRecord
from entrypoints.http.audit import examples
from entrypoints.http.audit.cursors import AuditCursors
from entrypoints.http.conditional_reads import NO_STORE
from entrypoints.http.problems.problem_types import CURSOR, PROTECTED, UNAVAILABLE, VALIDATION, prefix_of, problems
from entrypoints.http.route_declarations import Declaration, Header, Injected, Rule, declared
from entrypoints.http.times import read_end, read_start

ActorId = Annotated[
    str | None,
    QueryParameter(
        name="actor", max_length=255, description="Only records of this actor: a key's id or an admin's name."
    ),
]
ActionName = Annotated[
    Literal[
        "product.created",
        "product.amended",
        "product.withdrawn",
        "product.registration_retried",
        "key.created",
        "key.revoked",
        "alert.created",
        "alert.amended",
        "alert.deleted",
        "webhook.created",
        "webhook.amended",
        "webhook.deleted",
        "webhook.secret_rotated",
        "webhook.pinged",
        "webhook.replayed",
        "admin.logged_in",
    ]
    | None,
    QueryParameter(description="Only records of this action."),
]
SubjectId = Annotated[
    str | None,
    QueryParameter(max_length=255, description="Only records about the product, key, alert or webhook of this id."),
]
From = Annotated[
    str | None,
    QueryParameter(
        name="from", description="Only records since then, RFC 3339 with a zone.", schema_extra={"format": "date-time"}
    ),
    Rule(read_start),
]
To = Annotated[
    str | None,
    QueryParameter(
        name="to", description="Only records before then, RFC 3339 with a zone.", schema_extra={"format": "date-time"}
    ),
    Rule(read_end),
]
Limit = Annotated[int, QueryParameter(ge=1, le=100, description="Records per page.")]
Cursor = Annotated[
    str | None,
    QueryParameter(
        max_length=500,
        description="`next` of the page before; all other parameters but `limit` must be the same as for that page.",
    ),
]
_LINK = Header(
    "Link",
    "The following page, if there is one.",
    '</audit?limit=20&cursor=hG1pZAxk>; rel="next"',
    always=False,
    schema={"pattern": '^<[^>]+>; rel="next"$'},
)


class AuditPage(msgspec.Struct, frozen=True):
    """Records, newest first; `next` is the cursor of the following page, null on the last."""

    items: Sequence[AuditRecord]
    next: str | None


class AuditController(Controller):
    """The record of writes by admins and keys."""

    path = "/audit"
    tags = ("access",)

    @get(
        operation_id="listAuditRecords",
        summary="Read the audit log",
        opt=declared(Declaration(scope=Scope.AUDIT_READ, answer_headers=(_LINK,))),
        response_headers=NO_STORE,
        responses={200: examples.page(AuditPage)} | problems(CURSOR, *PROTECTED, VALIDATION, *UNAVAILABLE),
    )
    async def page(
        self,
        request: Request[Any, Any, Any],
        audit_reader: Injected[AuditReader],
        audit_cursors: Injected[AuditCursors],
        actor_id: ActorId = None,
        action: ActionName = None,
        subject_id: SubjectId = None,
        since: From = None,
        until: To = None,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Response[AuditPage]:
        """Read the record of every write by an admin or a key, newest first, and of every successful login."""
        wanted = AuditFilter(
            actor=actor_id,
            action=Action(action) if action else None,
            subject_id=subject_id,
            since=None if since is None else read_start(since),
            until=None if until is None else read_end(until),
        )
        after = None if cursor is None else audit_cursors.read(cursor, wanted)
        records, position = await audit_reader.page(wanted, limit, after)
        if position is None:
            return Response(AuditPage(records, None))
        following = audit_cursors.write(wanted, position)
        given = {
            "actor": actor_id,
            "action": action,
            "subject_id": subject_id,
            "from": since,
            "to": until,
            "limit": limit,
            "cursor": following,
        }
        query = urlencode({name: value for name, value in given.items() if value is not None})
        link = f'<{prefix_of(request.scope["state"])}/audit?{query}>; rel="next"'
        return Response(AuditPage(records, following), headers={"Link": link})
