"""What the routes of webhooks have in common."""

from typing import Annotated
from uuid import UUID

from litestar.params import PathParameter

from application.access.actor import Scope
from entrypoints.http.route_declarations import Declaration, declared

WebhookId = Annotated[UUID, PathParameter(description="The webhook's id.")]
SCOPED = declared(Declaration(scope=Scope.WEBHOOKS_WRITE))
