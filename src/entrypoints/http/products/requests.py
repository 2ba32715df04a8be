"""Bodies that create and amend products."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.product import DESCRIPTION_LENGTH, NAME_LENGTH, clean_description, clean_name
from entrypoints.http.route_declarations import RULE, Rule

MOST_PRODUCTS = 1_000
"""Products of one request."""
_SOME_PRODUCTS = [
    {"name": "Cordless drill 18 V", "description": "Two batteries, charger, case."},
    {"name": "Cordless drill 12 V", "description": "", "id": "2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11"},
]

NO_NUL = r"^[^\x00]*$"
_REFUSED = r"\x00\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff"
NOT_BLANK = rf"^[^{_REFUSED}]*[^\s{_REFUSED}][^{_REFUSED}]*$"

# The domain decides about these values, in its own words; here they are only described.
Name = Annotated[
    str,
    Meta(
        description=f"1 to {NAME_LENGTH} characters after trimming, not all of them invisible, none a control of text "
        "direction; unique.",
        examples=["Cordless drill 18 V"],
        extra_json_schema={"extra": {"min_length": 1, "max_length": NAME_LENGTH, "pattern": NOT_BLANK}},
        extra={RULE: Rule(clean_name)},
    ),
]
Description = Annotated[
    str,
    Meta(
        examples=["Two batteries, charger, case."],
        extra_json_schema={"extra": {"max_length": DESCRIPTION_LENGTH, "pattern": NO_NUL}},
        extra={RULE: Rule(clean_description)},
    ),
]


class CreateProductRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new product; without an `id` the service makes one."""

    name: Name
    description: Description
    id: UUID | UnsetType = UNSET


class CreateProductsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """New products, in an order that the answer keeps."""

    # Read one by one, so that one mistake hides no other, and may leave the other products their places.
    products: Annotated[
        list[Any],
        Meta(
            min_length=1,
            max_length=MOST_PRODUCTS,
            extra_json_schema={
                "extra": {
                    "items": {"$ref": "#/components/schemas/CreateProductRequest"},
                    "min_items": 1,
                    "max_items": MOST_PRODUCTS,
                }
            },
            examples=[_SOME_PRODUCTS],
        ),
    ]


class ReplaceProductRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The product's new texts, both of them."""

    name: Name
    description: Description


class AmendProductRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The changes; a field that is not given stays as it is."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
