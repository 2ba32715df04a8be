"""POST /auth: one attempt to get a new access token. When to attempt is decided in access_token.py."""

import msgspec

from adapters.offers_api.calls import CallObserver, Endpoint, unobserved
from adapters.offers_api.http_client import Exchange, HttpLimits
from adapters.offers_api.payloads import TokenPayload
from adapters.offers_api.secret import Secret
from application.synchronisation.offers_gateway import AnswerRefused, NotAuthorised

_answer = msgspec.json.Decoder(TokenPayload)


class AnotherTokenIsValid(NotAuthorised):
    """Upstream gives no new token while the last one lives, whoever has it."""


class RefreshTokenRefused(NotAuthorised):
    """Upstream does not know the refresh token."""


class AiohttpTokenIssuer:
    """Asks the Offers service for an access token."""

    def __init__(
        self,
        *,
        base_url: str,
        refresh_token: str,
        limits: HttpLimits | None = None,
        observe: CallObserver = unobserved,
    ) -> None:
        self._refresh_token = Secret(refresh_token)
        self._exchange = Exchange(base_url, connections=1, limits=limits or HttpLimits(), observe=observe)

    async def __call__(self) -> Secret:
        """Return a new token; every one that was issued before is dead then.

        Raises:
            AnotherTokenIsValid, RefreshTokenRefused, OffersServiceUnavailable
            AnswerRefused: no usable token came, though upstream may count one as issued.
        """
        answer = await self._exchange.send(Endpoint.AUTH, "POST", "/auth", self._refresh_token)
        match answer.status:
            case 201:
                return _read_token(answer.body)
            case 400:
                raise AnotherTokenIsValid("another access token is valid upstream")
            case 401:
                raise RefreshTokenRefused("the refresh token was refused")
            case status:
                raise AnswerRefused(f"unexpected HTTP {status} to the request for a token")

    async def aclose(self) -> None:
        """Close the connection."""
        await self._exchange.aclose()


def _read_token(body: bytes | None) -> Secret:
    try:
        return Secret(_answer.decode(body or b"").access_token)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        # Not chained: the answer may be quoted in the cause.
        raise AnswerRefused("an answer to the request for a token without a usable one") from None
