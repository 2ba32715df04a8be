"""The text of a key: `pak_`, 8 characters of prefix, `_`, 32 random bytes and a checksum, all in base 62.

The checksum tells a typing error from a revoked key before any read of the database, and lets scanners find keys that
were published by mistake.
"""

import re
import secrets
import string
import zlib
from hashlib import sha256

MARK = "pak_"
PREFIX_CHARACTERS, SECRET_BYTES = 8, 32
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
# As many characters as the largest number needs.
_SECRET_CHARACTERS, _CHECKSUM_CHARACTERS = 43, 6
_FORM = re.compile(
    rf"{MARK}[0-9A-Za-z]{{{PREFIX_CHARACTERS}}}_[0-9A-Za-z]{{{_SECRET_CHARACTERS + _CHECKSUM_CHARACTERS}}}"
)


def new_key() -> str:
    """Return the text of a new key."""
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(PREFIX_CHARACTERS))
    secret = _base62(int.from_bytes(secrets.token_bytes(SECRET_BYTES)), _SECRET_CHARACTERS)
    beginning = f"{MARK}{prefix}_{secret}"
    return beginning + _checksum(beginning)


def is_well_formed(text: str) -> bool:
    """Return whether the text has the form of a key and the right checksum."""
    if not _FORM.fullmatch(text):
        return False
    beginning, checksum = text[:-_CHECKSUM_CHARACTERS], text[-_CHECKSUM_CHARACTERS:]
    return checksum == _checksum(beginning)


def prefix_of(text: str) -> str:
    """Return the part of a key that may be shown."""
    return text[: len(MARK) + PREFIX_CHARACTERS]


def digest_of(text: str) -> bytes:
    """Return the digest of a key, which is stored. A key is random, so no slow hash is needed."""
    return sha256(text.encode()).digest()


def _checksum(beginning: str) -> str:
    return _base62(zlib.crc32(beginning.encode()), _CHECKSUM_CHARACTERS)


def _base62(number: int, characters: int) -> str:
    digits = []
    for _ in range(characters):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
