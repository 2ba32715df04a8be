"""Idempotency-Key: its header, and the digests by which a repeated request is recognised."""

import re
from hashlib import sha256
from typing import Any

import msgspec
from litestar import Request

from application.catalogue.idempotency_keys import IdempotentRequest
from entrypoints.http.route_declarations import Header

IDEMPOTENCY_KEY = Header(
    "Idempotency-Key",
    "The same request with the same key within 24 hours is answered as the first time.",
    "import-2026-11-26-0001",
    schema={"minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
)
REPLAYED = Header(
    "Idempotency-Replayed",
    "`true` if an earlier request with the same key created the product.",
    "true",
    always=False,
    schema={"enum": ["true"]},
)

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class InvalidHeader(Exception):
    """A header has a value that the route does not take; `name` is the header's."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


def read_idempotency(request: Request[Any, Any, Any], data: msgspec.Struct) -> IdempotentRequest | None:
    """Return what identifies an idempotent request, None without a key. Each admin has keys of its own.

    Raises:
        InvalidHeader
    """
    lines = request.headers.getall(IDEMPOTENCY_KEY.name, [])
    if not lines:
        return None
    key = ", ".join(lines)
    if not _KEY.fullmatch(key):
        raise InvalidHeader(IDEMPOTENCY_KEY.name, "The key must be 1 to 255 visible ASCII characters.")
    return IdempotentRequest(
        key=sha256(f"{key} {request.scope['state']['subject']}".encode()).digest(),
        # Of the decoded content, so that it does not matter how the JSON is written.
        content=sha256(msgspec.json.encode(data)).digest(),
    )
