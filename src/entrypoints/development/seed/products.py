"""The products that `aggregator seed` adds, named as a shop might name them."""

import random

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


def some_product() -> tuple[str, str]:
    """Return a name, hardly ever the same twice, and a description."""
    goods = random.choice(list(GOODS))
    name = f"{random.choice(MAKERS)} {goods} {random.choice(SERIES)} {random.randrange(100, 1_000_000)}"
    return name, GOODS[goods]
