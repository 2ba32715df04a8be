"""`aggregator seed` and `aggregator offers-simulator`: commands for development only."""

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.running import Command, refusals, require_development, settings_for

if TYPE_CHECKING:
    from entrypoints.configuration.settings import Settings
    from entrypoints.development.offers_simulator.product import SoldOut


@click.command(cls=Command)
@click.argument("count", type=click.IntRange(1, 1_000_000), required=False)
@click.option("--history", metavar="DAYS", help="As 30d: give all products first observed today a past of that length.")
def seed(count: int | None, history: str | None) -> None:
    """Add COUNT believable products, to the embedded database unless DATABASE_URL is set.

    With --history they get a made-up past as soon as a running worker has observed them, and so do those already there.
    """
    from entrypoints.development.seed.command import seed as seed_database

    if count is None and history is None:
        raise click.UsageError("Give a COUNT, --history, or both, as in `aggregator seed 25 --history 30d`.")
    require_development("seed")
    settings = settings_for("seed")
    days = 0 if history is None else _days_of_history(history, settings)
    with refusals():
        seed_database(settings, count=count or 0, days=days)


@click.command("offers-simulator", cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65_535), help="SIMULATOR_PORT, or 8090, unless given.")
@click.option("--tick", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True, help="Seconds.")
@click.option("--sold-out", type=click.Choice(["vanish", "zero", "replace"]), default="vanish", show_default=True)
@click.option("--seed", type=click.IntRange(min=0), help="Makes the same world at every start.")
@click.option("--world", type=click.Path(dir_okay=False, path_type=Path), help="File that keeps the world.")
def offers_simulator(
    host: str, port: int | None, tick: float, sold_out: "SoldOut", seed: int | None, world: Path | None
) -> None:
    """Stand in for the Offers service, for development only; GET /__control lists the faults it can show."""
    from entrypoints.development.offers_simulator.command import serve
    from entrypoints.development.offers_simulator.options import SimulatorOptions

    require_development("offers-simulator")
    settings = settings_for("offers-simulator")
    listen_on = settings.simulator_port if port is None else port
    token = settings.offers_refresh_token
    options = SimulatorOptions(refresh_token=token, tick=tick, sold_out=sold_out, seed=seed, world_file=world)
    with refusals():
        asyncio.run(serve(host, listen_on, options, hosts=settings.hosts or ()))


def _days_of_history(text: str, settings: "Settings") -> int:
    kept = settings.history_step_days
    if re.fullmatch(r"[0-9]{1,5}d", text) and 1 <= (days := int(text[:-1])) <= kept:
        return days
    raise click.BadParameter(
        f"It must be a number of days from 1d to {kept}d, which is how long steps of the best price are kept "
        "(HISTORY_STEP_DAYS).",
        param_hint="--history",
    )
