"""One running simulation: the world, the token, the faults and the counters that its routes share."""

import random
import secrets
from collections.abc import Awaitable, Callable

from entrypoints.development.offers_simulator.faults import Faults
from entrypoints.development.offers_simulator.options import SimulatorOptions
from entrypoints.development.offers_simulator.tokens import AccessTokens
from entrypoints.development.offers_simulator.traffic import Traffic
from entrypoints.development.offers_simulator.world import World

Clock = Callable[[], float]
Wait = Callable[[float], Awaitable[None]]


class Simulation:
    """The state behind one simulator; `clock` gives epoch seconds, `wait` takes seconds."""

    def __init__(self, options: SimulatorOptions, *, faults: Faults, clock: Clock, wait: Wait) -> None:
        seed = secrets.randbits(64) if options.seed is None else options.seed
        self.options = options
        self.clock = clock
        self.wait = wait
        self.dice = random.Random(seed)
        self.tokens = AccessTokens(refresh_token=options.refresh_token, lifetime=options.token_lifetime)
        self.traffic = Traffic()
        self.world = World(tick=options.tick, sold_out=options.sold_out, seed=seed, now=clock())
        self.faults = faults
        self.misbehave(faults)

    def misbehave(self, faults: Faults) -> None:
        """Take these faults in place of the present ones."""
        self.faults = faults
        if faults.freeze:
            self.world.freeze(self.clock())
        else:
            self.world.thaw(self.clock())
