"""`make chaos`: the whole system as real processes, disturbed at random under load, then every invariant checked.

A seed makes the same plan of disturbances and the same decisions of customers, readers and market again; how the
processes and the operating system time what follows is not repeated.
"""

import asyncio
import os
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import click

from chaos.record import Record
from chaos.run import Run


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0.1), default=3.0, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), help="Replays the run that printed it.")
def main(minutes: float, seed: int | None) -> None:
    """Kill, stop and restart everything at random, then check; exit code 1 if an invariant was broken."""
    seed = secrets.randbits(32) if seed is None else seed
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    if sys.dont_write_bytecode:  # else every start of a process compiles everything anew
        del os.environ["PYTHONDONTWRITEBYTECODE"]
        os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    record = Record()
    record.tell(f"seed {seed}, {minutes:g} minutes, in {folder}")
    try:
        asyncio.run(Run(folder, seed, minutes * 60, record)())
    except BaseException:
        click.echo(f"Not finished; the logs are in {folder}.")
        raise
    click.echo(record.summary(seed, minutes))
    if record.violations:
        click.echo(f"The logs are in {folder}.")
        sys.exit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
