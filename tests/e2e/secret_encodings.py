"""How a secret looks where it got out: as it is, quoted, in hex, and in base64 wherever in a longer text it begins."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import quote, quote_plus


def forms(secret: str) -> Iterator[str]:
    """Return how the secret may be written, in base64 wherever in a longer text it begins."""
    yield from (
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        ascii(secret)[1:-1],
        secret.encode().hex(),
    )
    data = secret.encode()
    for before in range(3):
        for encode in (b64encode, urlsafe_b64encode):
            encoded = encode(bytes(before) + data).decode()
            yield encoded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]


def found(text: str, *secrets: str) -> list[str]:
    """Return the forms of the secrets that the text shows."""
    return [form for secret in secrets for form in forms(secret) if form in text]
