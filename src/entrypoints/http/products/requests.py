"""Bodies that create and amend products."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.product import DESCRIPTION_LENGTH, NAME_LENGTH

NO_NUL = r"^[^\x00]*$"
NOT_BLANK = r"^[^\x00]*[^\s\x00][^\x00]*$"

# The domain refuses these values, in its own words; here they are only described.
Name = Annotated[
    str,
    Meta(
        description=f"1 to {NAME_LENGTH} characters after trimming; unique.",
        examples=["Cordless drill 18 V"],
        extra_json_schema={"extra": {"min_length": 1, "max_length": NAME_LENGTH, "pattern": NOT_BLANK}},
    ),
]
Description = Annotated[
    str,
    Meta(
        max_length=DESCRIPTION_LENGTH,
        examples=["Two batteries, charger, case."],
        extra_json_schema={"extra": {"pattern": NO_NUL}},
    ),
]


class CreateProductRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new product; without an `id` the service makes one."""

    name: Name
    description: Description
    id: UUID | UnsetType = UNSET


class AmendProductRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The changes; a field that is not given stays as it is."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
