"""The refusals of the domain.

Refusal
├── InvalidText             a name or description that cannot be stored
├── InvalidFilter           a filter that no product can pass
├── ProductNotFound         no such product, or it was withdrawn
├── KeyNotFound             no API key has this id
├── TooManyKeys             the most API keys are in force already
├── AlertNotFound           no alert has this id
├── TooManyAlerts           there are the most alerts already
├── InvalidAlert            an alert that breaks a rule
├── WebhookNotFound         no webhook has this id
├── TooManyWebhooks         there are the most webhooks already
├── WebhookDisabled         a disabled webhook is to send something
├── OfferNotFound           the product has no such offer, or its record is gone
├── ProductAlreadyExists    the id or the name is taken
├── ProductsAlreadyExist    ids or names of several new products are taken
├── PreconditionFailed      the product has another revision than the caller expects
├── IdempotencyMismatch     the key came with another request before
├── IdempotencyInProgress   the first request with the key is not finished
├── InvalidWindow           a window that does not start before it ends
├── WindowTooLarge          a window with more points than one answer holds
└── BeyondRetention         a time of which the requested detail is no longer kept
"""

from collections.abc import Mapping
from uuid import UUID


class Refusal(Exception):
    """A request that the rules of the catalogue do not allow; its text is safe to show to the caller."""


class InvalidText(Refusal):
    """A text field cannot be stored as it is; `field` names it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class InvalidFilter(Refusal):
    """A filter that no product can pass; `field` names it."""

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


class ProductsAlreadyExist(Refusal):
    """Other products have ids or names of new products; `taken` has the fields by the positions of the new ones."""

    def __init__(self, taken: Mapping[int, tuple[str, ...]]) -> None:
        super().__init__("Other products have some of the ids or names already.")
        self.taken = taken


class PreconditionFailed(Refusal):
    """The product has another revision than the caller expects."""

    def __init__(self, revision: int) -> None:
        super().__init__(f"The product is at revision {revision}, which is not an expected one.")


class IdempotencyMismatch(Refusal):
    """The key came with another request before."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another request.")


class IdempotencyInProgress(Refusal):
    """The first request with the key is not finished."""

    def __init__(self) -> None:
        super().__init__("An earlier request with this Idempotency-Key is not finished.")


class OfferNotFound(Refusal):
    """The product has no offer with this id, or its record is gone."""

    def __init__(self, offer_id: UUID) -> None:
        super().__init__(f"The product has no offer with the id {offer_id}, or its record is gone.")


class KeyNotFound(Refusal):
    """No API key has this id."""

    def __init__(self, key_id: UUID) -> None:
        super().__init__(f"There is no key with the id {key_id}.")


class TooManyKeys(Refusal):
    """The most API keys are in force already."""

    def __init__(self, most: int) -> None:
        super().__init__(f"There are {most} keys in force, which is the most; revoke one first.")


class AlertNotFound(Refusal):
    """No alert has this id."""

    def __init__(self, alert_id: UUID) -> None:
        super().__init__(f"There is no alert with the id {alert_id}.")


class TooManyAlerts(Refusal):
    """There are the most alerts already."""

    def __init__(self, most: int, which: str = "") -> None:
        super().__init__(f"There are {most} alerts{which}, which is the most; delete one first.")


class InvalidAlert(Refusal):
    """An alert that breaks a rule; `field` names the part of it, as the API does."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class WebhookNotFound(Refusal):
    """No webhook has this id."""

    def __init__(self, webhook_id: UUID) -> None:
        super().__init__(f"There is no webhook with the id {webhook_id}.")


class TooManyWebhooks(Refusal):
    """There are the most webhooks already."""

    def __init__(self, most: int) -> None:
        super().__init__(f"There are {most} webhooks, which is the most; delete one first.")


class WebhookDisabled(Refusal):
    """A disabled webhook sends nothing."""

    def __init__(self) -> None:
        super().__init__("The webhook is disabled: enable it first, with `PATCH` and `enabled`.")


class InvalidWindow(Refusal):
    """A window that does not start before it ends, or an empty period; `field` names the mistake."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class WindowTooLarge(Refusal):
    """More points than one answer holds; the text names the remedy."""


class BeyondRetention(Refusal):
    """A time of which the requested detail is no longer kept; the text names the remedy."""
