"""One product's market as the Offers service would show it: the offers with their prices and stock.

Pure: dice are passed in, so the same dice give the same market.
"""

import random
import uuid
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

SoldOut = Literal["vanish", "zero", "replace"]

LOWEST_PRICE, HIGHEST_PRICE = 15_000, 80_000
LOWEST_STOCK, HIGHEST_STOCK = 23, 931
FEWEST_OFFERS, MOST_OFFERS = 5, 11

# A tenth above and below these still lies between the lowest and the highest price.
_LOWEST_CENTRE, _HIGHEST_CENTRE = 17_000.0, 72_000.0
_WIDEST = 0.1


class Offer(msgspec.Struct, gc=False):
    """One offer, with exactly the fields of the wire; prices are integers in an unstated unit."""

    id: str
    price: int
    items_in_stock: int


class Product(msgspec.Struct):
    """A market of a few offers around one price that drifts; `tick` is the number of ticks applied to it."""

    centre: float
    capacity: Annotated[int, Meta(le=MOST_OFFERS)]
    tick: int
    offers: Annotated[list[Offer], Meta(max_length=MOST_OFFERS)]

    def step(self, dice: random.Random, sold_out: SoldOut) -> None:
        """Apply one tick: prices move, stock falls, offers sell out and new ones appear."""
        before = self.centre
        self.centre = _between(_LOWEST_CENTRE, before * dice.uniform(0.99, 1.01), _HIGHEST_CENTRE)
        remaining: list[Offer] = []
        for offer in self.offers:
            if offer.items_in_stock == 0:
                continue  # was shown with zero for one tick
            offer.items_in_stock = max(0, offer.items_in_stock - dice.randint(1, 15))
            if offer.items_in_stock == 0 and sold_out == "vanish":
                continue
            if offer.items_in_stock == 0 and sold_out == "replace":
                remaining.append(new_offer(dice, self.centre))
                continue
            if dice.random() < 0.9:
                # Distances from the centre shrink a little and are renewed: the spread stays about 4 %.
                distance = 0.97 * (offer.price / before - 1) + dice.gauss(0, 0.01)
                offer.price = _price(self.centre, distance)
            remaining.append(offer)
        if len(remaining) < FEWEST_OFFERS or dice.random() < 0.2 * (self.capacity - len(remaining)):
            remaining.append(new_offer(dice, self.centre))
        self.offers = remaining
        self.tick += 1


def new_product(dice: random.Random, *, tick: int) -> Product:
    """Make a market as it looks when first seen at `tick`."""
    centre = dice.uniform(_LOWEST_CENTRE, _HIGHEST_CENTRE)
    capacity = dice.randint(FEWEST_OFFERS + 1, MOST_OFFERS)
    count = dice.randint(capacity - 1, capacity)
    return Product(centre, capacity, tick, [new_offer(dice, centre) for _ in range(count)])


def new_offer(dice: random.Random, centre: float) -> Offer:
    """Make an offer near `centre`; its id is 128 random bits without RFC 4122's version and variant."""
    return Offer(
        id=str(uuid.UUID(int=dice.getrandbits(128))),
        price=_price(centre, dice.gauss(0, 0.04)),
        items_in_stock=dice.randint(LOWEST_STOCK, HIGHEST_STOCK),
    )


def _price(centre: float, distance: float) -> int:
    return round(centre * (1 + _between(-_WIDEST, distance, _WIDEST)))


def _between(lowest: float, value: float, highest: float) -> float:
    return max(lowest, min(value, highest))
