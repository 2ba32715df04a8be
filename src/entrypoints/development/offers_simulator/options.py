"""The options of a simulator, which are chosen at its start and do not change while it runs."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from entrypoints.development.offers_simulator.faults import Latency
from entrypoints.development.offers_simulator.product import SoldOut

DEFAULT_REFRESH_TOKEN = "simulated-refresh-token"


class SimulatorOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Durations are seconds; `latency` holds where the faults have none for the endpoint.

    A token's `expires` is an integer, so `token_lifetime` ends at the whole second before its end. Without
    `seed` every start is another world, unless `world_file` has one from an earlier run, which then goes on.
    """

    refresh_token: str = DEFAULT_REFRESH_TOKEN
    tick: Annotated[float, Meta(gt=0)] = 60.0
    sold_out: SoldOut = "vanish"
    token_lifetime: Annotated[float, Meta(ge=1)] = 300.0
    seed: Annotated[int, Meta(ge=0)] | None = None
    latency: Latency | None = None
    world_file: Path | None = None
    save_interval: Annotated[float, Meta(gt=0)] = 10.0
