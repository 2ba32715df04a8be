"""Well-formed values that production refuses.

Each check returns the requirement that the value does not meet, or None.
"""

from urllib.parse import urlsplit

from argon2 import extract_parameters

PASSWORD_LENGTH = 12
SECRET_BYTES = 32
SECRET_CHARACTERS = 8
"""Distinct characters that a secret needs: a random one of 32 has far more, a repeated word may not."""
# The least of OWASP's recommendations for argon2id: 7 MiB, 5 passes and 12 MiB, 3 passes have the same strength.
LEAST_WORK = 7_168 * 5
LEAST_MEMORY = 7_168


def unsafe_upstream(url: str, *, allow_http: bool) -> str | None:
    """Check the URL of the Offers service: without TLS every network on the way can read the tokens."""
    if urlsplit(url).scheme == "https" or allow_http:
        return None
    return "must be https:// in production, or set OFFERS_ALLOW_HTTP=true"


def unsafe_secret(secret: str) -> str | None:
    """Check a signing key."""
    if len(secret.strip().encode()) < SECRET_BYTES:
        return f"must have at least {SECRET_BYTES} bytes in production, blanks around them not counted"
    if len(set(secret)) < SECRET_CHARACTERS or _repeats(secret):
        return "must be random in production, as of `openssl rand -base64 32`"
    return None


def unsafe_password(password: str) -> str | None:
    """Check a password in the clear."""
    if len(password.strip()) < PASSWORD_LENGTH:
        return f"must have at least {PASSWORD_LENGTH} characters in production, or set ADMIN_PASSWORD_HASH"
    if len(set(password)) < PASSWORD_LENGTH // 3 or _repeats(password):
        return "must not be a repeated word in production"
    return None


def unsafe_hash(password_hash: str) -> str | None:
    """Check the cost of trying a password on a stolen hash."""
    used = extract_parameters(password_hash)
    if used.memory_cost >= LEAST_MEMORY and used.memory_cost * used.time_cost >= LEAST_WORK:
        return None
    return f"must have cost parameters of at least m={LEAST_MEMORY},t=5 or m=19456,t=2 in production"


def _repeats(text: str) -> bool:
    """Whether the text is one shorter text again and again, the last time perhaps in part."""
    return any(
        text == (text[:length] * (len(text) // length + 1))[: len(text)] for length in range(1, len(text) // 2 + 1)
    )
