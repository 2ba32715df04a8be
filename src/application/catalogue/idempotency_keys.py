"""What makes a repeated request harmless: its first answer is kept along with what it changed, in one transaction."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

ANSWERS_KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it was given, and a digest of the request that it answers."""

    request: bytes
    answer: bytes


class AnswerRepository(Protocol):
    """Kept answers, by a digest of the key that their requests came with. Only inside a unit of work."""

    async def take(self, key: bytes, kept: timedelta) -> KeptAnswer | None:
        """Have the key until the unit of work ends, and return what has been kept under it for no longer than `kept`.

        Never waits.

        Raises:
            IdempotencyInProgress: another unit of work has the key.
        """

    async def keep(self, key: bytes, answer: KeptAnswer) -> None:
        """Keep the answer under a key taken in this unit of work, in the place of an older one."""
