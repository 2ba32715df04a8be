"""The Offers service as the use-cases see it: one port, and the tree of what it may refuse.

OffersServiceError
├── NotAttempted                no place for the call came free in time; nothing was asked
│   └── NotAuthorised           no access token; nothing was asked
├── OffersServiceUnavailable    no answer, or upstream's own trouble
├── AnswerRefused               an answer that proves nothing
├── UnknownUpstream             the product is not registered there
├── AlreadyRegistered           the id is
└── RegistrationRefused         the product is not accepted
"""

from typing import Protocol
from uuid import UUID

from domain.offer import ObservedOffers


class OffersServiceError(Exception):
    """An attempt that the Offers service did not grant; the text is short and has no secret in it."""


class NotAttempted(OffersServiceError):
    """Nothing was asked, so nothing is known about the product."""


class NotAuthorised(NotAttempted):
    """No usable access token is to be had at the moment."""


class OffersServiceUnavailable(OffersServiceError):
    """No answer, or one that says that upstream has trouble; `retry_after` is what it asked for, in seconds."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class AnswerRefused(OffersServiceError):
    """The answer is malformed or larger than allowed; it proves nothing."""


class UnknownUpstream(OffersServiceError):
    """The Offers service does not know the product."""


class AlreadyRegistered(OffersServiceError):
    """The Offers service has the product's id already."""


class RegistrationRefused(OffersServiceError):
    """The Offers service does not accept the product; the text is its reason."""


class OffersGateway(Protocol):
    """The Offers service. Safe to call concurrently, never inside a unit of work; it bounds time, size and concurrency.

    Raises:
        NotAttempted, OffersServiceUnavailable: in every call.
    """

    async def authorise(self) -> None:
        """Make sure that an access token is at hand, renewing the shared one if it is our turn to."""

    async def register(self, product_id: UUID, name: str, description: str) -> None:
        """Register a product; not idempotent upstream.

        Raises:
            AlreadyRegistered, RegistrationRefused, AnswerRefused
        """

    async def offers_of(self, product_id: UUID) -> ObservedOffers:
        """Return who offers the product now.

        Raises:
            UnknownUpstream, AnswerRefused
        """
