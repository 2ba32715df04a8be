"""The number of products, for operators."""

from collections.abc import Mapping
from typing import Protocol

from domain.product import RegistrationState


class Census(Protocol):
    """Counts the products that are not withdrawn by the state of their registration.

    Registered products beyond a million may be estimated. States without a product may be missing.

    Raises:
        StorageUnavailable
    """

    async def __call__(self) -> Mapping[RegistrationState, int]:
        """Return the counts."""
