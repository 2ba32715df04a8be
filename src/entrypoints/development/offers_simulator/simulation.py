"""One running simulation: the world, the token, the faults and the counters that its routes share."""

import random
import secrets
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from entrypoints.development.offers_simulator.faults import Faults
from entrypoints.development.offers_simulator.options import SimulatorOptions
from entrypoints.development.offers_simulator.product import Offer
from entrypoints.development.offers_simulator.tokens import AccessTokens
from entrypoints.development.offers_simulator.traffic import Traffic
from entrypoints.development.offers_simulator.world import World, WorldState

Clock = Callable[[], float]
Wait = Callable[[float], Awaitable[None]]


class Simulation:
    """The state behind one simulator; `clock` gives epoch seconds, `wait` takes seconds.

    `state` is the world of an earlier run, which goes on; without it a new one begins.
    """

    def __init__(
        self, options: SimulatorOptions, *, faults: Faults, clock: Clock, wait: Wait, state: WorldState | None = None
    ) -> None:
        seed = secrets.randbits(64) if options.seed is None else options.seed
        self.options = options
        self.clock = clock
        self.wait = wait
        self.dice = random.Random(seed)
        self.tokens = AccessTokens(refresh_token=options.refresh_token, lifetime=options.token_lifetime)
        self.traffic = Traffic()
        self.world = World(state or WorldState(seed), tick=options.tick, sold_out=options.sold_out, now=clock())
        self.misbehave(faults)

    def misbehave(self, faults: Faults) -> None:
        """Take these faults in place of the present ones."""
        self.faults = faults
        if faults.freeze:
            self.world.freeze(self.clock())
        else:
            self.world.thaw(self.clock())

    def state(self) -> WorldState:
        """Return the state from which the world goes on in another process."""
        return self.world.state_at(self.clock())

    def shown_offers(self, product_id: UUID) -> Sequence[Offer] | None:
        """Return the offers that the service has for this product now, None when it does not know the product."""
        return None if product_id in self.faults.foreign_products else self.world.offers(product_id, self.clock())
