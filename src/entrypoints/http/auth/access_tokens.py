"""The API's own access tokens: JWTs that follow RFC 8725, with the type of RFC 9068."""

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import uuid4

import jwt

ISSUER = AUDIENCE = "product-aggregator"
TYPE = "at+jwt"
ALGORITHM = "HS256"
CLAIMS = ["iss", "aud", "sub", "iat", "exp", "jti"]
TOKENS_KEPT = 256
"""Tokens whose signature was found valid, so that it is not verified at every request."""


class Unauthenticated(Exception):
    """The request has no access token."""


class InvalidToken(Unauthenticated):
    """The access token is not valid; the answer is the same whatever is wrong with it."""


def read_bearer(authorization: str) -> str:
    """Return the token in an Authorization header.

    Raises:
        Unauthenticated: there is none.
    """
    scheme, _space, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated
    return token.strip()


class AccessTokens:
    """Issues and checks tokens."""

    def __init__(self, secret: str, lifetime: timedelta) -> None:
        self._key = secret.encode()
        self.lifetime = lifetime
        # Everything but the expiry stays true for as long as a token lives. A failure is not kept.
        self._read_once = lru_cache(TOKENS_KEPT)(self._read)

    def issue(self, subject: str) -> str:
        """Return a token for this admin, valid from now on."""
        now = datetime.now(UTC)
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now,
            "exp": now + self.lifetime,
            "jti": str(uuid4()),
        }
        return jwt.encode(claims, self._key, ALGORITHM, headers={"typ": TYPE})

    def check(self, token: str) -> str:
        """Return whose token it is.

        Raises:
            InvalidToken: it is not one of ours, or no longer valid.
        """
        subject, expires = self._read_once(token)
        if expires <= time.time():
            raise InvalidToken
        return subject

    def _read(self, token: str) -> tuple[str, int]:
        try:
            decoded = jwt.decode_complete(
                token, self._key, [ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options={"require": CLAIMS}
            )
        except jwt.InvalidTokenError as error:
            raise InvalidToken from error
        if decoded["header"].get("typ") != TYPE:
            raise InvalidToken
        return str(decoded["payload"]["sub"]), int(decoded["payload"]["exp"])
