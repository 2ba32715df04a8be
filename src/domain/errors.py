"""What the domain refuses.

Refusal
├── InvalidText             a name or description that cannot be stored
├── InvalidFilter           a list was asked for with a filter that makes no sense
├── ProductNotFound         no such product, or it was withdrawn
├── OfferNotFound           nothing is kept of such an offer of the product
├── ProductAlreadyExists    the id or the name is taken
├── PreconditionFailed      the product has another revision than the caller expects
├── IdempotencyMismatch     the key came with another request before
├── IdempotencyInProgress   the first request with the key is under way
├── InvalidWindow           a window of time that is none
└── WindowTooLarge          a window with more points than one answer holds
"""

from uuid import UUID


class Refusal(Exception):
    """A request that the rules of the catalogue do not allow; its text is safe to show to the caller."""


class InvalidText(Refusal):
    """A text field cannot be stored as it is; `field` names it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class InvalidFilter(Refusal):
    """A filter of a list that nothing could pass; `field` names it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class ProductNotFound(Refusal):
    """No product has this id."""

    def __init__(self, product_id: UUID) -> None:
        super().__init__(f"There is no product with the id {product_id}.")


class ProductAlreadyExists(Refusal):
    """Another product has this id or this name; `field` says which of the two."""

    def __init__(self, field: str) -> None:
        super().__init__(f"Another product has this {field} already.")
        self.field = field


class PreconditionFailed(Refusal):
    """The product has another revision than the caller expects."""

    def __init__(self, revision: int) -> None:
        super().__init__(f"The product is at revision {revision}, which is none that was asked for.")


class IdempotencyMismatch(Refusal):
    """The key came with another request before."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another request.")


class IdempotencyInProgress(Refusal):
    """The first request with the key is under way."""

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is under way.")


class OfferNotFound(Refusal):
    """The product has no offer with this id, or nothing is kept of it any more."""

    def __init__(self, offer_id: UUID) -> None:
        super().__init__(f"The product has no offer with the id {offer_id}, or nothing is kept of it any more.")


class InvalidWindow(Refusal):
    """A window that does not start before it ends, or a period that is none; `field` names what is wrong."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class WindowTooLarge(Refusal):
    """More points than one answer holds; the text says what to ask for instead."""
