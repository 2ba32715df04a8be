"""What an access token says of itself, if it is a JWT."""

from base64 import urlsafe_b64decode

import msgspec

from adapters.offers_api.secret import Secret


class _Claims(msgspec.Struct):
    expires: float


def read_expires(token: Secret) -> float | None:
    """Read the claim without checking the signature: upstream will, and nothing else depends on it."""
    _header, _, rest = token.reveal().partition(".")
    claims = rest.partition(".")[0]
    try:
        decoded = urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
        return msgspec.json.decode(decoded, type=_Claims).expires
    except (ValueError, msgspec.MsgspecError, RecursionError):
        return None
