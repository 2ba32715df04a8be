"""Idempotency keys: the answer to a request that created products is kept in the transaction that created them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from application.catalogue.views import CreationOutcome

KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """Digests of a request's key and of its content; `encode` writes the answer that is kept, as JSON."""

    key: bytes
    content: bytes
    encode: Callable[[Sequence[CreationOutcome]], bytes]


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The first answer to a request, as JSON, and the digest of the request's content."""

    content: bytes
    answer: bytes


class IdempotencyKeyRepository(Protocol):
    """Answers kept by the keys of their requests. For use inside a unit of work only."""

    async def take(self, key: bytes, kept_for: timedelta) -> KeptAnswer | None:
        """Lock the key until the unit of work ends, without waiting, and return the answer kept within `kept_for`.

        Raises:
            IdempotencyInProgress: another unit of work holds the key.
        """

    async def keep(self, key: bytes, answer: KeptAnswer) -> None:
        """Keep the answer under a key that this unit of work has taken, replacing an older one."""
