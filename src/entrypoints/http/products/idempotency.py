"""Idempotency-Key: its header, and the digests by which a repeated request is recognised."""

import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from litestar import Request

from application.catalogue.idempotency_keys import IdempotentRequest
from application.catalogue.views import CreationOutcome
from entrypoints.http.route_declarations import Header

Encode = Callable[[Sequence[CreationOutcome]], bytes]

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def _mistake_in_key(value: str) -> str | None:
    return None if _KEY.fullmatch(value) else "The key must be 1 to 255 visible ASCII characters."


IDEMPOTENCY_KEY = Header(
    "Idempotency-Key",
    "The same request with the same key within 24 hours is answered as the first time.",
    "import-2026-11-26-0001",
    schema={"minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    mistake=_mistake_in_key,
)
REPLAYED = Header(
    "Idempotency-Replayed",
    "`true` if this is the answer to an earlier request with the same key.",
    "true",
    always=False,
    schema={"enum": ["true"]},
)


def read_idempotency(request: Request[Any, Any, Any], content: bytes, encode: Encode) -> IdempotentRequest | None:
    """Return the digests of an idempotent request, None without a key. Each caller has keys of its own.

    `content` is the decoded content, encoded anew, so that it does not matter how the JSON is written.
    """
    lines = request.headers.getall(IDEMPOTENCY_KEY.name, [])
    if not lines:
        return None
    return IdempotentRequest(
        key=sha256(f"{lines[0]} {request.scope['state']['subject']}".encode()).digest(),
        content=sha256(content).digest(),
        encode=encode,
    )
