"""Idempotency keys: the product that a request created is kept under its key, in the transaction that created it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from application.catalogue.views import ProductView

KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """Digests of a request's key and of its content."""

    key: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class KeptProduct:
    """The product as its creation left it, and the digest of the request that created it."""

    content: bytes
    product: ProductView


class IdempotencyKeyRepository(Protocol):
    """Products kept by the keys of the requests that created them. For use inside a unit of work only."""

    async def take(self, key: bytes, kept_for: timedelta) -> KeptProduct | None:
        """Lock the key until the unit of work ends, without waiting, and return what was kept within `kept_for`.

        Raises:
            IdempotencyInProgress: another unit of work holds the key.
        """

    async def keep(self, key: bytes, product: KeptProduct) -> None:
        """Keep the product under a key that this unit of work has taken, replacing an older one."""
