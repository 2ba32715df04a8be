"""Bodies about webhooks."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from application.webhooks.targets import LONGEST_URL
from application.webhooks.webhook import MOST_CHOSEN
from domain.event import EventType
from domain.product import DESCRIPTION_LENGTH
from entrypoints.http.products.requests import NO_NUL

Url = Annotated[
    str,
    Meta(
        description="Where events are sent: https in production, on the public internet unless the operators allow "
        "private addresses, without credentials, and not at a port of another protocol.",
        examples=["https://shop.example/hooks/prices"],
        extra_json_schema={"format": "uri", "extra": {"max_length": LONGEST_URL, "pattern": "^https?://[!-~]+$"}},
    ),
]
Types = Annotated[
    list[EventType],
    Meta(
        min_length=1,
        max_length=MOST_CHOSEN,
        description="Only events of these types; null for all public ones. `alert.…` are for admins and keys with the "
        "scope `alerts:read`, `webhook.disabled` is for admins.",
        examples=[[EventType.PRICE_CHANGED]],
    ),
]
ProductIds = Annotated[
    list[UUID],
    Meta(
        min_length=1,
        max_length=MOST_CHOSEN,
        description="Only events of these products; null for all.",
        examples=[["2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11"]],
    ),
]
Notes = Annotated[
    str,
    Meta(
        description="Whose it is, for people.",
        examples=["Shop window"],
        extra_json_schema={"extra": {"max_length": DESCRIPTION_LENGTH, "pattern": NO_NUL}},
    ),
]


class CreateWebhookRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new webhook; without types it gets all public events, without products those of all."""

    url: Url
    types: Types | None = None
    product_ids: ProductIds | None = None
    description: Notes = ""


class AmendWebhookRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The changes; a field that is not given stays as it is."""

    url: Url | UnsetType = UNSET
    types: Types | UnsetType | None = UNSET
    product_ids: ProductIds | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    description: Notes | UnsetType = UNSET
