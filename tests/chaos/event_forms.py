"""The forms of events, as the documentation gives them: a member more, less or of another kind is a mistake."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec


class Texts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an admin has given."""

    name: str
    description: str
    revision: int


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A product that is gone."""

    name: str


class Settled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A registration; the detail says why it was refused."""

    detail: str | None


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A best price, None while nobody has the product."""

    price: int | None
    state: Literal["in_stock", "out_of_stock"]
    since: datetime


class Current(Step, frozen=True, forbid_unknown_fields=True):
    """The best price now, and the offer that has it."""

    offer_id: UUID | None


class PriceChanged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two steps that follow each other, perhaps across a gap."""

    previous: Step | None
    current: Current
    unknown_since: datetime | None


class Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An event, whose data depends on its type."""

    specversion: Literal["1.0"]
    id: str
    source: Literal["/products"]
    type: str
    subject: UUID
    time: datetime
    data: msgspec.Raw


Data = Texts | Named | Settled | PriceChanged
_DATA: dict[str, type[Data]] = {
    "product.created": Texts,
    "product.amended": Texts,
    "product.withdrawn": Named,
    "product.registered": Settled,
    "product.rejected": Settled,
    "product.conflict": Settled,
    "price.changed": PriceChanged,
}
TYPES = tuple(_DATA)


def read_event(json: bytes | str) -> tuple[Told, Data]:
    """Return an event and its data.

    Raises:
        ValueError: its form is not the documented one.
    """
    told = msgspec.json.decode(json, type=Told)
    if told.type not in _DATA:
        raise ValueError(f"no event is called {told.type}")
    data = msgspec.json.decode(told.data, type=_DATA[told.type])
    if isinstance(data, PriceChanged):
        for step in (data.previous, data.current):
            if step is not None and (step.price is None) != (step.state == "out_of_stock"):
                raise ValueError(f"{step.state} at {step.price}")
    return told, data
