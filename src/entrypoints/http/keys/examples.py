"""Example answers about keys for the OpenAPI description."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from application.access.actor import Scope
from application.access.api_keys import ApiKey
from entrypoints.http.route_declarations import answer

_CREATED = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
_KEY = ApiKey(
    id=UUID("5b8f0a52-6a0c-4d0e-9a57-0d3c1f3ab9c4"),
    name="Nightly import",
    prefix="pak_7Qm2XbTe",
    scopes=(Scope.CATALOGUE_WRITE,),
    created_at=_CREATED,
    expires_at=_CREATED + timedelta(days=365),
    last_used_at=_CREATED + timedelta(hours=16),
)


def created(model: Any, key: Any) -> Any:
    """Describe the answer that shows a new key."""
    return answer(model, "The key, shown this once", key(_KEY, f"{_KEY.prefix}_…"))


def listed(model: Any) -> Any:
    """Describe the list."""
    return answer(model, "The keys", model([_KEY]))
