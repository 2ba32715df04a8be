"""POST /auth: one attempt to get a new access token. The policy in application decides when to attempt."""

from base64 import urlsafe_b64decode

import msgspec

from adapters.offers_api.http_client import HttpClient
from adapters.offers_api.payloads import TokenPayload
from application.synchronisation.access_token.issuing import AnotherTokenIsValid, IssuedToken, RefreshTokenRefused
from application.synchronisation.access_token.secret import Secret
from application.synchronisation.offers_gateway import AnswerRefused
from application.synchronisation.upstream_calls import Endpoint

_answer = msgspec.json.Decoder(TokenPayload)


class _Claims(msgspec.Struct):
    expires: float


class HttpxTokenIssuer:
    """Requests access tokens from the Offers service, over a client of its own."""

    def __init__(self, client: HttpClient, refresh_token: Secret) -> None:
        self._client = client
        self._refresh_token = refresh_token

    async def __call__(self) -> IssuedToken:
        answer = await self._client.send(Endpoint.AUTH, "POST", "/auth", self._refresh_token)
        match answer.status:
            case 201:
                token = _read_token(answer.body)
                return IssuedToken(token, _read_expires(token))
            case 400:
                raise AnotherTokenIsValid("another access token is valid upstream")
            case 401:
                raise RefreshTokenRefused("the refresh token was refused")
            case status:
                raise AnswerRefused(f"unexpected HTTP {status} to the request for a token")

    async def aclose(self) -> None:
        """Close the connection."""
        await self._client.aclose()


def _read_token(body: bytes | None) -> Secret:
    try:
        return Secret(_answer.decode(body or b"").access_token)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        # Not chained: the cause may quote the answer.
        raise AnswerRefused("the answer to the request for a token has no usable one") from None


def _read_expires(token: Secret) -> float | None:
    """Read the claim without checking the signature: upstream checks it, and nothing here depends on it."""
    _header, _, rest = token.reveal().partition(".")
    claims = rest.partition(".")[0]
    try:
        decoded = urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
        return msgspec.json.decode(decoded, type=_Claims).expires
    except (ValueError, msgspec.MsgspecError, RecursionError):
        return None
