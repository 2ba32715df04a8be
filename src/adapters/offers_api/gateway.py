"""The Offers service over HTTP: its answers in the use-cases' words."""

from typing import Protocol
from uuid import UUID

import msgspec

from adapters.offers_api.call_limits import CallLimits
from adapters.offers_api.http_client import HttpClient, UpstreamAnswer
from adapters.offers_api.payloads import RegistrationPayload, read_detail, read_offers
from application.synchronisation.access_token.secret import Secret
from application.synchronisation.offers_gateway import (
    AlreadyRegistered,
    AnswerRefused,
    NotAuthorised,
    RegistrationRefused,
    UnknownUpstream,
)
from application.synchronisation.upstream_calls import Endpoint
from domain.offer import ObservedOffers

REASON_LENGTH = 200


class AccessToken(Protocol):
    """The token that every call carries."""

    async def current(self) -> Secret:
        """Return a usable token.

        Raises:
            NotAuthorised
        """

    async def refused(self, token: Secret) -> None:
        """Note that upstream refused this token; a newer one stays."""

    def redact(self, text: str) -> str:
        """Return the text without any secret that upstream may have echoed."""


class HttpxOffersGateway:
    """See `OffersGateway`."""

    def __init__(self, client: HttpClient, token: AccessToken, limits: CallLimits) -> None:
        self._client = client
        self._token = token
        self._limits = limits

    async def authorise(self) -> None:
        await self._token.current()

    async def register(self, product_id: UUID, name: str, description: str) -> None:
        content = msgspec.json.encode(RegistrationPayload(product_id, name, description))
        answer = await self._call(Endpoint.REGISTER, "POST", "/products/register", content)
        match answer.status:
            case 201:
                return
            case 409:
                raise AlreadyRegistered("the product's id is registered already")
            case 422:
                reason = self._token.redact(read_detail(answer.body))[:REASON_LENGTH]
                raise RegistrationRefused(reason or "no reason was given")
            case status:
                raise AnswerRefused(f"unexpected HTTP {status}")

    async def offers_of(self, product_id: UUID) -> ObservedOffers:
        answer = await self._call(Endpoint.OFFERS, "GET", f"/products/{product_id}/offers")
        match answer.status:
            case 200 if answer.body is not None:
                return read_offers(answer.body)
            case 200:
                raise AnswerRefused(answer.unreadable)
            case 404:
                raise UnknownUpstream("the Offers service does not know the product")
            case status:
                raise AnswerRefused(f"unexpected HTTP {status}")

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _call(self, endpoint: Endpoint, method: str, path: str, content: bytes | None = None) -> UpstreamAnswer:
        async with self._limits:
            # Only now: a token from before the wait may have expired meanwhile.
            token = await self._token.current()
            answer = await self._client.send(endpoint, method, path, token, content)
        if answer.status == 401:
            await self._token.refused(token)
            raise NotAuthorised("the access token was refused")
        return answer
