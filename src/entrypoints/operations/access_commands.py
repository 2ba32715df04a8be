"""`aggregator keys` and `aggregator audit`: commands without a login, straight on the database."""

import json
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import click
import msgspec
from dishka import AsyncContainer

from application.access.actor import OPERATOR, Scope
from application.access.api_keys import MOST_KEYS, ApiKey, KeyReader
from application.access.audit_records import AuditFilter, AuditReader
from application.access.key_management import CreateKey, RevokeKey

RECORDS_AT_ONCE = 1_000


async def create_key(
    container: AsyncContainer, name: str, scopes: Collection[Scope], expires_at: datetime | None
) -> None:
    """Make a key; its text is all that is written to standard output.

    Raises:
        Refusal
    """
    command = await container.get(CreateKey)
    created = await command(name=name, scopes=scopes, expires_at=expires_at, actor=OPERATOR)
    click.echo(created.text)
    click.echo(f"The key's id is {created.key.id}. Keep its text, which is not shown again.", err=True)


async def list_keys(container: AsyncContainer) -> None:
    """Write a line for each key, those in force first."""
    for key in await (await container.get(KeyReader)).list(MOST_KEYS):
        click.echo("  ".join(_columns(key)))


async def revoke_key(container: AsyncContainer, key_id: UUID) -> None:
    """Revoke a key.

    Raises:
        KeyNotFound
    """
    await (await container.get(RevokeKey))(key_id, actor=OPERATOR)
    click.echo("The key is revoked; every process refuses it within 5 s.", err=True)


async def export_audit(container: AsyncContainer) -> None:
    """Write all records as NDJSON, newest first, page by page: no transaction is open while a reader is slow."""
    reader = await container.get(AuditReader)
    records, position = await reader.page(AuditFilter(), RECORDS_AT_ONCE)
    while True:
        for record in records:
            click.echo(msgspec.json.encode(record))
        if position is None:
            return
        records, position = await reader.page(AuditFilter(), RECORDS_AT_ONCE, position)


def _columns(key: ApiKey) -> list[str]:
    used = f"used {key.last_used_at:%Y-%m-%dT%H:%MZ}" if key.last_used_at else "never used"
    expires = f"expires {key.expires_at:%Y-%m-%dT%H:%M:%SZ}" if key.expires_at else "never expires"
    state = f"revoked {key.revoked_at:%Y-%m-%dT%H:%M:%SZ}" if key.revoked_at else expires
    # As JSON, because a name may hold characters that move a terminal's cursor.
    return [str(key.id), key.prefix, ",".join(key.scopes), state, used, json.dumps(key.name, ensure_ascii=False)]
