"""The Offers service as the use-cases see it: one port, and the tree of its errors.

OffersServiceError
├── NotAttempted                no call was made: no place came free in time
│   └── NotAuthorised           no call was made: there is no access token
├── OffersServiceUnavailable    no answer, or upstream's own trouble
├── AnswerRefused               a malformed answer, which proves nothing
├── UnknownUpstream             the product is not registered there
├── AlreadyRegistered           the product's id is registered there
└── RegistrationRefused         the product is not accepted
"""

from typing import Protocol
from uuid import UUID

from domain.offer import ObservedOffers


class OffersServiceError(Exception):
    """An attempt that did not succeed; the text is short and free of secrets."""


class NotAttempted(OffersServiceError):
    """No call was made, so nothing is known about the product."""


class NotAuthorised(NotAttempted):
    """There is no usable access token at the moment."""


class OffersServiceUnavailable(OffersServiceError):
    """No answer, or one that reports upstream's own trouble; `retry_after` is the wait it asked for, in seconds."""

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
    """The Offers service. Calls may be concurrent, but not inside a unit of work; time, size and number are bounded.

    Raises:
        NotAttempted, OffersServiceUnavailable: in every call.
    """

    async def authorise(self) -> None:
        """Make sure that there is an access token, renewing the shared one if this process may."""

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
