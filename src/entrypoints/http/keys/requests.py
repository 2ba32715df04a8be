"""The body that makes a key."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from application.access.actor import Scope
from entrypoints.http.products.requests import Name

Scopes = Annotated[
    list[Scope],
    Meta(min_length=1, max_length=len(Scope), description="The scopes of the key.", examples=[[Scope.CATALOGUE_WRITE]]),
]
Expiry = Annotated[
    datetime,
    Meta(
        tz=True,
        description="The end of the key's life, RFC 3339 with a zone; without it the key ends only when it is revoked.",
        examples=["2027-11-26T00:00:00Z"],
    ),
]


class CreateKeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new key; without `expires_at` it does not expire."""

    name: Name
    scopes: Scopes
    expires_at: Expiry | UnsetType = UNSET
