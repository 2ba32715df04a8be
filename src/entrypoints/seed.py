"""`aggregator seed`: believable products for trying the service out."""

import asyncio
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
import msgspec

from application.catalogue import RegisterProduct
from domain.errors import ProductAlreadyExists
from entrypoints.container import MIGRATING, make_container
from entrypoints.embedded_database import join_server
from entrypoints.migration import run_migrations
from entrypoints.settings import Settings

MAKERS = ("Nordwerk", "Aldera", "Kestrel", "Brightwell", "Tanaro", "Ostra", "Helmond", "Calder", "Marlow", "Vireo")
GOODS = {
    "cordless drill": "Brushless motor, two-speed gearbox, two batteries, charger and case.",
    "espresso machine": "15 bar pump, steam wand, removable 1.8 l tank.",
    "office chair": "Adjustable lumbar support, breathable mesh, five-year guarantee.",
    "trekking tent": "Two persons, 3 000 mm water column, 2.1 kg packed.",
    "mechanical keyboard": "Hot-swappable switches, PBT keycaps, USB-C.",
    "robot vacuum": "Laser navigation, self-emptying dock, works around cables.",
    "city bicycle": "Eight-speed hub, belt drive, hydraulic disc brakes.",
    "noise-cancelling headphones": "30 h battery, two devices at once, foldable.",
    "induction hob": "Four zones, bridge function, boost.",
    "running shoes": "Neutral, 8 mm drop, recycled upper.",
    "air purifier": "H13 filter, up to 45 m², night mode.",
    "kitchen knife set": "Five forged knives with a magnetic block.",
}
SERIES = ("S", "Pro", "Eco", "Max", "Plus", "Mini", "Air", "One")


def seed_products(settings: Settings, count: int) -> None:
    """Add products through the use-case, as an admin would; the embedded database is started if it does not run.

    Raises:
        EmbeddedPostgresError: PostgreSQL does not start.
        StorageUnavailable: the database cannot be reached.
    """
    with _database(settings) as reachable:
        asyncio.run(_seed(reachable, count))


@contextmanager
def _database(settings: Settings) -> Iterator[Settings]:
    if settings.database_url is not None:
        yield settings
        return
    with join_server(settings.data_dir) as dsn:
        yield msgspec.structs.replace(settings, database_url=dsn)


async def _seed(settings: Settings, count: int) -> None:
    container = make_container(settings, database=MIGRATING)
    try:
        await run_migrations(container)
        register_product = await container.get(RegisterProduct)
        with click.progressbar(length=count, label="Adding products", file=sys.stderr) as progress:
            for _ in range(count):
                await _add_one(register_product)
                progress.update(1)
    finally:
        await container.close()
    click.echo(f"Added {count} products; a running worker registers and observes them.", err=True)


async def _add_one(register_product: RegisterProduct) -> None:
    while True:
        name, description = _product()
        try:
            await register_product(name=name, description=description)
        except ProductAlreadyExists:
            continue
        return


def _product() -> tuple[str, str]:
    goods = random.choice(list(GOODS))
    name = f"{random.choice(MAKERS)} {goods} {random.choice(SERIES)} {random.randrange(100, 1_000_000)}"
    return name, GOODS[goods]
