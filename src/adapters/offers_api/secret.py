"""Secrets that no repr shows, and the seal under which an access token lies in the database."""

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LONGEST_TOKEN = 8_000

_NONCE_BYTES = 12


class Secret:
    """A token as a header carries it: visible ASCII. Only `reveal` shows it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not value or len(value) > LONGEST_TOKEN or not all("!" <= char <= "~" for char in value):
            raise ValueError("a token must be visible ASCII characters, and not too many")
        self._value = value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def reveal(self) -> str:
        """Return the token itself, to be put into a header and nowhere else."""
        return self._value


class Seal:
    """Encrypts access tokens under a key that only the refresh token yields.

    `name` is what the settings are called in the database: other settings have another name and another key.
    """

    def __init__(self, base_url: str, refresh_token: Secret) -> None:
        revealed = refresh_token.reveal().encode()
        self.name = hashlib.sha256(base_url.encode() + b"\0" + revealed).hexdigest()
        key = HKDF(SHA256(), 32, salt=None, info=b"product-aggregator access token").derive(revealed)
        self._cipher = AESGCM(key)

    def close(self, token: Secret) -> bytes:
        """Encrypt; the same token never looks the same twice."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, token.reveal().encode(), self.name.encode())

    def open(self, sealed: bytes) -> Secret | None:
        """Decrypt, None when it was not sealed by us."""
        nonce, encrypted = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return Secret(self._cipher.decrypt(nonce, encrypted, self.name.encode()).decode())
        except (InvalidTag, ValueError):
            return None
