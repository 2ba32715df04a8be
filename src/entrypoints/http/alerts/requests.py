"""Bodies that make and change alerts."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from application.alerts.reading import MOST_PRODUCTS
from entrypoints.http.alerts.conditions import Cooldown, Hold, When
from entrypoints.http.products.requests import Name

_PRODUCT = "2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11"

ProductIds = Annotated[
    list[UUID],
    Meta(min_length=1, max_length=MOST_PRODUCTS, description="Products to watch.", examples=[[_PRODUCT]]),
]
Enabled = Annotated[bool, Meta(description="Whether it is evaluated.", examples=[True])]


class CreateAlertRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new alert; null as `product_ids` stands for all products, those to come included."""

    name: Name
    product_ids: ProductIds | None
    when: When
    hold: Hold = msgspec.field(name="for", default="PT0S")
    cooldown: Cooldown = "PT0S"


class AmendAlertRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The changes; a field that is not given stays as it is."""

    name: Name | UnsetType = UNSET
    enabled: Enabled | UnsetType = UNSET
    when: When | UnsetType = UNSET
    hold: Hold | UnsetType = msgspec.field(name="for", default=UNSET)
    cooldown: Cooldown | UnsetType = UNSET
