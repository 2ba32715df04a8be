"""Bodies that ask for back-tests of alerts."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from entrypoints.http.alerts.conditions import Cooldown, Hold, When
from entrypoints.http.route_declarations import RULE, Rule
from entrypoints.http.times import DURATION, read_end, read_period, read_start

Product = Annotated[UUID, Meta(examples=["2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11"])]
From = Annotated[
    str,
    Meta(
        description="Start of the window, RFC 3339 with a zone; 30 days before its end by default.",
        examples=["2026-11-01T00:00:00Z"],
        extra_json_schema={"extra": {"format": "date-time"}},
        extra={RULE: Rule(read_start)},
    ),
]
To = Annotated[
    str,
    Meta(
        description="End of the window, cut to now; now by default.",
        examples=["2026-11-26T00:00:00Z"],
        extra_json_schema={"extra": {"format": "date-time"}},
        extra={RULE: Rule(read_end)},
    ),
]


class SimulateAlertRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule, and the window of a product's recorded prices over which to try it; at most 31 days."""

    product_id: Product
    when: When
    hold: Hold = msgspec.field(name="for", default="PT0S")
    cooldown: Cooldown = "PT0S"
    start: From | UnsetType = msgspec.field(name="from", default=UNSET)
    end: To | UnsetType = msgspec.field(name="to", default=UNSET)


class SuggestThresholdRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often an alert is to fire, by the prices of the last `period`, of at most 31 days."""

    product_id: Product
    kind: Annotated[Literal["price_below"], Meta(examples=["price_below"])]
    per_week: Annotated[float, Meta(gt=0, le=10_000, description="Firings a week.", examples=[2])]
    period: Annotated[
        str,
        Meta(
            description="The time until now that counts, an ISO 8601 duration of at most 31 days.",
            examples=["P30D"],
            extra_json_schema={"extra": {"format": "duration", "pattern": DURATION}},
            extra={RULE: Rule(read_period)},
        ),
    ] = "P30D"
