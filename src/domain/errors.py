"""What the domain refuses.

Refusal
├── InvalidText             a name or description that cannot be stored
├── ProductNotFound         no such product, or it was withdrawn
└── ProductAlreadyExists    the id or the name is taken
"""

from uuid import UUID


class Refusal(Exception):
    """A request that the rules of the catalogue do not allow; its text is safe to show to the caller."""


class InvalidText(Refusal):
    """A text field cannot be stored as it is; `field` names it."""

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
