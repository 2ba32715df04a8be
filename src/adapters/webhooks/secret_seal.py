"""The seal under which the secrets of webhooks lie in the database."""

import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12


class AesGcmSecretSeal:
    """See `SecretSeal`. The key is derived from the refresh token, the secret that API and workers have in common.

    A sealed secret belongs to its webhook: under another one's id it cannot be opened.
    """

    def __init__(self, refresh_token: str) -> None:
        derivation = HKDF(SHA256(), 32, salt=None, info=b"product-aggregator webhook secrets")
        self._cipher = AESGCM(derivation.derive(refresh_token.encode()))

    def close(self, webhook_id: UUID, secret: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), webhook_id.bytes)

    def open(self, webhook_id: UUID, sealed: bytes) -> str | None:
        nonce, encrypted = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, encrypted, webhook_id.bytes).decode()
        except (InvalidTag, ValueError):
            return None
