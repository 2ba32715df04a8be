"""The seal under which an access token lies in the database."""

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from application.synchronisation.access_token.secret import Secret

_NONCE_BYTES = 12


class AesGcmTokenSeal:
    """Encrypts access tokens under a key derived from the refresh token.

    `name` identifies base URL and refresh token in the database: other settings have another name and another key.
    """

    def __init__(self, base_url: str, refresh_token: Secret) -> None:
        revealed = refresh_token.reveal().encode()
        self.name = hashlib.sha256(base_url.rstrip("/").encode() + b"\0" + revealed).hexdigest()
        key = HKDF(SHA256(), 32, salt=None, info=b"product-aggregator access token").derive(revealed)
        self._cipher = AESGCM(key)

    def close(self, token: Secret) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, token.reveal().encode(), self.name.encode())

    def open(self, sealed: bytes) -> Secret | None:
        nonce, encrypted = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return Secret(self._cipher.decrypt(nonce, encrypted, self.name.encode()).decode())
        except (InvalidTag, ValueError):
            return None
