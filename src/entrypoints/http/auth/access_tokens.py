"""The API's own access tokens: JWTs that follow RFC 8725, with the type of RFC 9068."""

import hashlib
import hmac
import math
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import uuid4

import jwt

from application.clock import Clock

ISSUER = AUDIENCE = "product-aggregator"
TYPE = "at+jwt"
ALGORITHM = "HS256"
VERSION = "ver"
"""Our own claim: a digest of the credential that the token was given for."""
CLAIMS = ["iss", "aud", "sub", "iat", "exp", "jti", VERSION]
# Our own clock decides whether a token is valid, not PyJWT's.
OPTIONS: Any = {"require": CLAIMS, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
LEEWAY = 5.0
"""Seconds by which the clock of the replica that issued a token may be ahead. The expiry has no leeway of its own."""
TOKENS_KEPT = 256
"""Tokens whose signature was found valid, so that it is not verified at every request."""


class Unauthenticated(Exception):
    """The request has no access token."""


class InvalidToken(Unauthenticated):
    """The access token is not valid; the answer does not say why."""


def read_bearer(authorization: str) -> str:
    """Return the token in an Authorization header.

    Raises:
        Unauthenticated: there is none.
    """
    scheme, _space, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated
    return token.strip()


class _Claims(NamedTuple):
    """The name of a token's admin, and the epoch seconds between which the token is valid."""

    subject: str
    starts: float
    expires: float


class AccessTokens:
    """Issues and checks the tokens of one admin. They end when the admin's name or `credential` changes.

    Tokens that were signed with one of the `accepted` secrets are valid, too.
    """

    def __init__(
        self,
        secret: str,
        lifetime: timedelta,
        clock: Clock,
        *,
        admin: str,
        credential: str,
        accepted: Sequence[str] = (),
    ) -> None:
        self._keys = [each.encode() for each in (secret, *accepted)]
        self._admin = admin
        # With a key, because otherwise a token would let its holder try passwords offline.
        version = f"{admin}\0{credential}".encode()
        self._versions = {key: hmac.new(key, version, hashlib.sha256).hexdigest() for key in self._keys}
        self._clock = clock
        self.lifetime = lifetime
        # The claims of a token never change, so they are kept. A failure is not.
        self._read_once = lru_cache(TOKENS_KEPT)(self._read)

    def issue(self, subject: str) -> str:
        """Return a token for the admin, valid from now on."""
        now = self._clock()
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now,
            "exp": now + self.lifetime,
            "jti": str(uuid4()),
            VERSION: self._versions[self._keys[0]],
        }
        return jwt.encode(claims, self._keys[0], ALGORITHM, headers={"typ": TYPE})

    def check(self, token: str) -> str:
        """Return the name of the token's admin.

        Raises:
            InvalidToken: it is not one of ours, or no longer valid.
        """
        claims, now = self._read_once(token), self._clock().timestamp()
        if claims.starts > now + LEEWAY or claims.expires <= now:
            raise InvalidToken
        return claims.subject

    def _read(self, token: str) -> _Claims:
        try:
            decoded, version = self._verify(token)
        except jwt.InvalidTokenError as error:
            raise InvalidToken from error
        if decoded["header"].get("typ") != TYPE:
            raise InvalidToken
        claims = decoded["payload"]
        if (claims["sub"], claims[VERSION]) != (self._admin, version):
            raise InvalidToken
        issued_at, expires = _seconds(claims["iat"]), _seconds(claims["exp"])
        return _Claims(str(claims["sub"]), max(issued_at, _seconds(claims.get("nbf", issued_at))), expires)

    def _verify(self, token: str) -> tuple[dict[str, Any], str]:
        for key in self._keys[:-1]:
            with suppress(jwt.InvalidSignatureError):
                return _decode(token, key), self._versions[key]
        return _decode(token, self._keys[-1]), self._versions[self._keys[-1]]


def _decode(token: str, key: bytes) -> dict[str, Any]:
    return jwt.decode_complete(token, key, [ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options=OPTIONS)


def _seconds(value: object) -> float:
    """Return a NumericDate (RFC 7519, section 2).

    Raises:
        InvalidToken: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidToken
    return value
