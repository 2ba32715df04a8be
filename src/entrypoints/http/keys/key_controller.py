"""API keys over HTTP: made, listed and revoked by admins."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import msgspec
from litestar import Controller, delete, get, post
from litestar.params import JSONBody, PathParameter
from msgspec import UNSET

from application.access.actor import Actor, Scope
from application.access.api_keys import MOST_KEYS, ApiKey, KeyReader
from application.access.key_management import CreateKey, RevokeKey
from entrypoints.http.conditional_reads import NO_STORE
from entrypoints.http.keys import examples
from entrypoints.http.keys.requests import CreateKeyRequest
from entrypoints.http.problems.problem_types import (
    BODY_PROBLEMS,
    NOT_FOUND,
    PROTECTED,
    UNAVAILABLE,
    VALIDATION,
    problems,
)
from entrypoints.http.route_declarations import Injected

KeyId = Annotated[UUID, PathParameter(description="The key's id.")]


class CreatedKeyResponse(msgspec.Struct, frozen=True):
    """A new key. `key` is its text, which is shown this once; `prefix` is its beginning, by which to know it again."""

    id: UUID
    name: str
    prefix: str
    scopes: Sequence[Scope]
    created_at: datetime
    expires_at: datetime | None
    key: str

    @classmethod
    def of(cls, key: ApiKey, text: str) -> Self:
        """Return the answer about this key."""
        return cls(key.id, key.name, key.prefix, key.scopes, key.created_at, key.expires_at, text)

    def __repr__(self) -> str:
        """Show no key."""
        return "CreatedKeyResponse(…)"


class KeysResponse(msgspec.Struct, frozen=True):
    """Up to 1 000 keys: those in force first, then revoked and expired ones, both newest first."""

    items: Sequence[ApiKey]


class KeyController(Controller):
    """API keys. No key may manage keys, so no operation has a scope."""

    path = "/keys"
    tags = ("access",)

    @post(
        operation_id="createKey",
        summary="Create an API key",
        response_headers=NO_STORE,
        responses={201: examples.created(CreatedKeyResponse, CreatedKeyResponse.of)}
        | problems(*PROTECTED, *UNAVAILABLE, *BODY_PROBLEMS),
    )
    async def create(
        self, data: JSONBody[CreateKeyRequest], create_key: Injected[CreateKey], actor: Injected[Actor]
    ) -> CreatedKeyResponse:
        """Create a key for a machine. Its text is shown in this answer and stored nowhere."""
        expires_at = None if data.expires_at is UNSET else data.expires_at
        created = await create_key(name=data.name, scopes=data.scopes, expires_at=expires_at, actor=actor)
        return CreatedKeyResponse.of(created.key, created.text)

    @get(
        operation_id="listKeys",
        summary="List the API keys",
        response_headers=NO_STORE,
        responses={200: examples.listed(KeysResponse)} | problems(*PROTECTED, VALIDATION, *UNAVAILABLE),
    )
    async def keys(self, key_reader: Injected[KeyReader]) -> KeysResponse:
        """List the keys without their texts; `last_used_at` is the minute of the last use."""
        return KeysResponse(await key_reader.list(MOST_KEYS))

    @delete(
        "/{key_id:uuid}",
        operation_id="revokeKey",
        summary="Revoke an API key",
        response_headers=NO_STORE,
        response_description="The key is revoked",
        responses=problems(*PROTECTED, NOT_FOUND, VALIDATION, *UNAVAILABLE),
    )
    async def revoke(self, key_id: KeyId, revoke_key: Injected[RevokeKey], actor: Injected[Actor]) -> None:
        """Revoke a key: it is refused everywhere within 5 seconds. Revoking it again changes nothing."""
        await revoke_key(key_id, actor=actor)
