"""The Offers service over HTTP: what its answers mean in the use-cases' words."""

from typing import Protocol
from uuid import UUID

import msgspec

from adapters.offers_api.call_limits import Turns
from adapters.offers_api.calls import CallObserver, Endpoint, unobserved
from adapters.offers_api.http_client import Answer, Exchange, HttpLimits
from adapters.offers_api.payloads import RegistrationPayload, read_detail, read_offers
from adapters.offers_api.secret import Secret
from application.synchronisation.offers_gateway import (
    AlreadyRegistered,
    AnswerRefused,
    NotAuthorised,
    RegistrationRefused,
    UnknownUpstream,
)
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
        """Take notice that upstream refused this token; a newer one is not touched."""

    def redact(self, text: str) -> str:
        """Return the text without any secret that upstream may have echoed."""


class AiohttpOffersGateway:
    """Keeps at most `concurrency` calls under way and begins at most `calls_per_second`, evenly, if that is given."""

    def __init__(
        self,
        *,
        base_url: str,
        token: AccessToken,
        concurrency: int = 64,
        calls_per_second: float | None = None,
        limits: HttpLimits | None = None,
        observe: CallObserver = unobserved,
    ) -> None:
        limits = limits or HttpLimits()
        self._token = token
        self._turns = Turns(concurrency=concurrency, calls_per_second=calls_per_second, patience=limits.turn)
        self._exchange = Exchange(base_url, connections=concurrency, limits=limits, observe=observe)

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
                raise AnswerRefused("the answer is too large or cannot be decompressed")
            case 404:
                raise UnknownUpstream("the Offers service does not know the product")
            case status:
                raise AnswerRefused(f"unexpected HTTP {status}")

    async def aclose(self) -> None:
        """Close all connections."""
        await self._exchange.aclose()

    async def _call(self, endpoint: Endpoint, method: str, path: str, content: bytes | None = None) -> Answer:
        async with self._turns:
            # Asked for only now: a token taken before the wait may have expired when its turn comes.
            token = await self._token.current()
            answer = await self._exchange.send(endpoint, method, path, token, content)
        if answer.status == 401:
            await self._token.refused(token)
            raise NotAuthorised("the access token was refused")
        return answer
