"""An example of a page of the audit log for the OpenAPI description."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from application.access.actor import ActorKind
from application.access.audit import Action, Subject
from application.access.audit_records import AuditActor, AuditRecord
from entrypoints.http.route_declarations import answer

_RECORD = AuditRecord(
    id=UUID("0d6b7c0a-52f5-4b43-8a3b-0f7a3ad6c7f2"),
    at=datetime(2026, 11, 26, 9, 41, 7, 204_000, tzinfo=UTC),
    actor=AuditActor(ActorKind.KEY, "5b8f0a52-6a0c-4d0e-9a57-0d3c1f3ab9c4", "Nightly import"),
    action=Action.PRODUCT_AMENDED,
    subject=Subject.product(UUID("2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11")),
    before={"name": "Cordless drill"},
    after={"name": "Cordless drill 18 V"},
    request_id="nightly-import.17",
    address="192.0.2.7",
)


def page(model: Any) -> Any:
    """Describe a page."""
    return answer(model, "One page", model([_RECORD], "hG1pZAxk…"))
