"""The check of a key that came with a request."""

from collections.abc import Callable
from dataclasses import dataclass, field

from application.access.api_keys import KeyInForce, KeyReader, KeyUses
from application.access.key_text import digest_of, is_well_formed


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """Finds the key of a text, and remembers it for `seconds`; `now` is a monotonic clock in seconds.

    Only keys in force are remembered, `at_most` of them, by their digests.
    """

    keys: KeyReader
    uses: KeyUses
    now: Callable[[], float]
    seconds: float
    at_most: int
    _verified: dict[bytes, tuple[float, KeyInForce]] = field(default_factory=dict, init=False, repr=False)

    async def __call__(self, text: str) -> KeyInForce | None:
        """Return the key if it is in force, and note its use.

        Raises:
            StorageUnavailable: the key could not be looked up.
        """
        digest = digest_of(text)
        until, key = self._verified.get(digest) or (0.0, None)
        # Counted from before the read, so that a revocation is missed for no longer than `seconds`.
        asked_at = self.now()
        if key is None or until <= asked_at:
            self._verified.pop(digest, None)
            key = await self.keys.in_force(digest) if is_well_formed(text) else None
            if key is None:
                return None
            self._remember(digest, asked_at, key)
        self.uses.note(key.id)
        return key

    def _remember(self, digest: bytes, asked_at: float, key: KeyInForce) -> None:
        left = self.seconds if key.expires_in is None else min(self.seconds, key.expires_in.total_seconds())
        self._verified.pop(digest, None)
        while len(self._verified) >= self.at_most:
            del self._verified[next(iter(self._verified))]
        self._verified[digest] = (asked_at + left, key)
