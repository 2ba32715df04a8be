"""The memory of the simulated service: registered products and their markets.

Pure state: time comes in as epoch seconds. Ticks are applied to a product when it is next read, so that products
without readers cost nothing.
"""

import random
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from entrypoints.development.offers_simulator.product import Offer, Product, SoldOut, new_product

MAX_PRODUCTS = 1_000_000
MAX_DICTATED = 500_000
# About 20 MB. Products beyond are registered again by their catalogue, and get new offers.
MAX_SAVED = 20_000

# A product that was unread for longer skips earlier ticks, which had no reader.
_MOST_TICKS_CAUGHT_UP = 100


class WorldFullError(Exception):
    """The world holds as many products, or dictated offers, as it may."""


class WorldState(msgspec.Struct, forbid_unknown_fields=True):
    """The state from which a world goes on in another process."""

    seed: Annotated[int, Meta(ge=0)]
    tick: Annotated[int, Meta(ge=0)] = 0
    products: dict[UUID, Product] = {}


class World:
    """Products and their offers, which follow from seed, product and tick, and not from the order of reads."""

    def __init__(self, state: WorldState, *, tick: float, sold_out: SoldOut, now: float) -> None:
        self._tick = tick
        self._sold_out = sold_out
        self._seed = state.seed
        self._dice = random.Random(state.seed)
        self._products = state.products
        self._dictated: dict[UUID, tuple[Offer, ...]] = {}
        self._ticks_before = state.tick
        self._running_since: float | None = now

    def __len__(self) -> int:
        return len(self._products)

    def __contains__(self, product_id: UUID) -> bool:
        return product_id in self._products

    def state_at(self, now: float) -> WorldState:
        """Return the state to save, with the products that were registered first if there are too many."""
        return WorldState(self._seed, self.tick_at(now), dict(islice(self._products.items(), MAX_SAVED)))

    def tick_at(self, now: float) -> int:
        """Say how many ticks have passed."""
        if self._running_since is None:
            return self._ticks_before
        return self._ticks_before + max(0, int((now - self._running_since) / self._tick))

    def offers(self, product_id: UUID, now: float) -> Sequence[Offer] | None:
        """Return the product's offers at `now`, not to be changed; None when it is not registered."""
        product = self._products.get(product_id)
        if product is None:
            return None
        dictated = self._dictated.get(product_id)
        if dictated is not None:
            return dictated
        tick = self.tick_at(now)
        if product.tick < tick:
            self._catch_up(product_id, product, tick)
        return product.offers

    def is_dictated(self, product_id: UUID) -> bool:
        """Say whether the product's offers are dictated."""
        return product_id in self._dictated

    def register(self, product_id: UUID, now: float) -> bool:
        """Add the product; False when it is there already. Raises WorldFullError."""
        if product_id in self._products:
            return False
        if len(self._products) >= MAX_PRODUCTS:
            raise WorldFullError
        tick = self.tick_at(now)
        self._seed_for(product_id, tick)
        self._products[product_id] = new_product(self._dice, tick=tick)
        return True

    def forget(self, product_ids: Collection[UUID] | None = None) -> None:
        """Lose these registrations, all of them when none are named; dictated offers stay dictated."""
        if product_ids is None:
            self._products.clear()
            return
        for product_id in product_ids:
            self._products.pop(product_id, None)

    def dictate(self, product_id: UUID, offers: Sequence[Offer]) -> None:
        """Show exactly these offers for the product, through all ticks. Raises WorldFullError."""
        if len(offers) + sum(map(len, self._dictated.values())) > MAX_DICTATED:
            raise WorldFullError
        self._dictated[product_id] = tuple(offers)

    def stop_dictating(self, product_id: UUID) -> None:
        """Show the product's own market again."""
        self._dictated.pop(product_id, None)

    def freeze(self, now: float) -> None:
        """Stop ticking; freezing twice is the same as once."""
        self._ticks_before = self.tick_at(now)
        self._running_since = None

    def thaw(self, now: float) -> None:
        """Tick again from the tick where it was frozen."""
        if self._running_since is None:
            self._running_since = now

    def advance(self, ticks: int) -> None:
        """Let that many ticks pass at once, frozen or not."""
        self._ticks_before += ticks

    def _catch_up(self, product_id: UUID, product: Product, tick: int) -> None:
        product.tick = max(product.tick, tick - _MOST_TICKS_CAUGHT_UP)
        while product.tick < tick:
            # By the tick that begins: the dice of the one before may have made the ids that the product has already.
            self._seed_for(product_id, product.tick + 1)
            product.step(self._dice, self._sold_out)

    def _seed_for(self, product_id: UUID, tick: int) -> None:
        self._dice.seed(self._seed << 192 | tick << 128 | product_id.int)
