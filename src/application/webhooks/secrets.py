"""Secrets that sign deliveries, in the form of Standard Webhooks."""

import base64
import secrets

MARK = "whsec_"
BYTES = 32


def new_secret() -> str:
    """Return a new secret: 32 random bytes in base64, behind their mark."""
    return MARK + base64.b64encode(secrets.token_bytes(BYTES)).decode()
