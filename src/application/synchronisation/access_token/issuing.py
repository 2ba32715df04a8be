"""The port through which the Offers service issues access tokens."""

from dataclasses import dataclass
from typing import Protocol

from application.synchronisation.access_token.secret import Secret
from application.synchronisation.offers_gateway import NotAuthorised


class AnotherTokenIsValid(NotAuthorised):
    """Upstream issues no new token while the last one lives, whichever process has it."""


class RefreshTokenRefused(NotAuthorised):
    """Upstream does not know the refresh token."""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new access token, and the epoch second of its expiry if upstream states one, which is not to be trusted."""

    token: Secret
    expires: float | None


class TokenIssuer(Protocol):
    """One attempt to get a new access token. The policy in `renewal` decides when to attempt."""

    async def __call__(self) -> IssuedToken:
        """Return a new token; it invalidates every earlier one.

        Raises:
            AnotherTokenIsValid, RefreshTokenRefused, OffersServiceUnavailable
            AnswerRefused: the answer has no usable token, though upstream may count one as issued.
        """
