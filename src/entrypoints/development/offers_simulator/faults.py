"""The ways in which the simulated service can misbehave, as one struct of switches."""

import math
import random
from typing import Annotated, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from entrypoints.development.offers_simulator.malformed import BadField, MalformedKind

Endpoint = Literal["auth", "register", "offers"]
Scope = Literal["all", "auth", "register", "offers"]
AuthAnswer = Literal["no_token", "null_token", "not_json", "no_expires", "odd_expires", "not_jwt"]

Products = Annotated[frozenset[UUID], Meta(max_length=10_000)]
Rate = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Milliseconds = Annotated[float, Meta(ge=0, le=600_000)]
Marker = Annotated[str, Meta(min_length=1, max_length=200)]
Count = Annotated[int, Meta(ge=0)]

# The 99th percentile of a normal distribution, in standard deviations.
_P99 = 2.3263


class Latency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Log-normal waiting time in milliseconds: half the answers come within p50, all but 1 % within p99."""

    p50: Milliseconds
    p99: Milliseconds

    def __post_init__(self) -> None:
        """Refuse a p99 below the p50 with ValueError."""
        if self.p99 < self.p50:
            raise ValueError("p99 must not be below p50")

    def sample(self, dice: random.Random) -> float:
        """Draw one waiting time, in seconds."""
        if self.p50 == 0:
            return 0.0
        return dice.lognormvariate(math.log(self.p50), math.log(self.p99 / self.p50) / _P99) / 1000


class Chance(msgspec.Struct, forbid_unknown_fields=True):
    """A fault that strikes a share of the calls, and no more once `times`, if given, has counted down."""

    rate: Rate = 1.0
    times: Count | None = None

    def strikes(self, dice: random.Random) -> bool:
        """Draw whether this call is hit."""
        if self.times == 0 or dice.random() >= self.rate:
            return False
        if self.times is not None:
            self.times -= 1
        return True


class ErrorAnswer(Chance):
    """A status answered instead of doing anything; 3xx comes with a Location on this server."""

    status: Annotated[int, Meta(ge=300, le=599)] = 503


_Switch = TypeVar("_Switch")
_Chance = TypeVar("_Chance", bound=Chance)


class Faults(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The switches, all off at first. Those by scope take an endpoint's own entry before that of "all".

    errors, resets, hangs: nothing is done, and the call is answered with a status, cut, or never answered.
    lost: the request is carried out, then the socket is cut.
    hang_products: calls for these products are never answered.
    retry_after: sent with every 429 and 503, seconds or any text.
    bodies: the whole body sent with a status of 400 or more, for answers whose real body is unknown.
    token_dies_after: seconds after which a token is refused, also before its `expires`.
    expiry_slack: seconds (also negative) that tokens live beyond their `expires`.
    clock_skew: seconds by which the upstream's clock is ahead when it writes `expires`.
    reject_*: registering these products, or names with this text, answers 422.
    foreign_*: registering these answers 409, and reading their offers 404.
    malformed: kind of answer to "all" products' offers or to some; the first kind that fits is taken.
    bad_field: the field that the kinds called row_… spoil.
    trickle_interval: seconds between two bytes of a `trickle` answer.
    freeze: no ticks.
    """

    latency: dict[Scope, Latency] = {}
    errors: dict[Scope, ErrorAnswer] = {}
    resets: dict[Scope, Chance] = {}
    hangs: dict[Scope, Chance] = {}
    lost: dict[Scope, Chance] = {}
    hang_products: Products = frozenset()
    retry_after: Count | Annotated[str, Meta(pattern=r"^[!-~]([ -~]{0,98}[!-~])?$")] | None = None
    bodies: dict[Annotated[int, Meta(ge=400, le=599)], Annotated[str, Meta(max_length=100_000)]] = {}
    auth_answer: AuthAnswer | None = None
    token_dies_after: Seconds | None = None
    expiry_slack: Annotated[float, Meta(ge=-86_400, le=86_400)] = 0.0
    clock_skew: Annotated[float, Meta(ge=-1e9, le=1e9)] = 0.0
    reject_products: Products = frozenset()
    reject_marker: Marker | None = None
    foreign_products: Products = frozenset()
    foreign_marker: Marker | None = None
    malformed: dict[MalformedKind, Literal["all"] | Products] = {}
    bad_field: BadField = "price"
    trickle_interval: Annotated[float, Meta(gt=0, le=60)] = 0.5
    freeze: bool = False

    def malformed_kind(self, product_id: UUID) -> MalformedKind | None:
        """Return how the product's offers are to be spoilt, if at all."""
        for kind, products in self.malformed.items():
            if products == "all" or product_id in products:
                return kind
        return None

    def rejects(self, product_id: UUID, name: str) -> bool:
        """Say whether registering this product answers 422."""
        return product_id in self.reject_products or _marked(name, self.reject_marker)

    def claims_foreign(self, product_id: UUID, name: str) -> bool:
        """Say whether registering this product answers 409 although it was not registered here."""
        return product_id in self.foreign_products or _marked(name, self.foreign_marker)


def chosen(switch: dict[Scope, _Switch], endpoint: Endpoint) -> _Switch | None:
    """Return an endpoint's own setting of a switch, or else that for all."""
    return switch.get(endpoint) or switch.get("all")


def strikes(switch: dict[Scope, _Chance], endpoint: Endpoint, dice: random.Random) -> _Chance | None:
    """Draw whether this call is hit, and return the fault that hits it."""
    chance = chosen(switch, endpoint)
    return chance if chance is not None and chance.strikes(dice) else None


def _marked(name: str, marker: str | None) -> bool:
    return marker is not None and marker in name
