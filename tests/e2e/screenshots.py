"""Pictures of the pages' main states at three widths, light and dark, into screenshots/. Run by `make screenshots`."""

from itertools import product
from pathlib import Path

import pytest
from playwright.async_api import Page

from e2e.browsers import chromium, visit
from e2e.processes import eventually
from e2e.system import System

FOLDER = Path(__file__).parents[2] / "screenshots"
WIDTHS = (360, 768, 1280)
SCHEMES = ("light", "dark")
ODD_NAMES = (
    "A name that goes on and on " * 9,
    '<b>bold</b> & "quoted" <script>alert(1)</script>',
    "غلاية كهربائية 1.7 لتر",
    "Kettle ☕🫖",
    "W" * 120,
)

ALERTS = (
    {"name": "Back in stock", "when": {"kind": "in_stock"}},
    {"name": "Falls", "when": {"kind": "drop", "percent": 2.5, "period": "P2D"}, "for": "PT10M", "cooldown": "PT36H"},
)


async def take(page: Page, path: str, name: str, variant: str) -> None:
    """Open a path and take a picture of it; without a path, of the page as it is."""
    if path:
        await page.goto(path)
        await page.wait_for_load_state("networkidle")
    await page.screenshot(path=FOLDER / f"{name}-{variant}.png", full_page=True)


@pytest.mark.timeout(600)
async def test_pictures_of_all_states(system: System) -> None:
    FOLDER.mkdir(exist_ok=True)
    system.start(interval=5)
    url = str(system.api.client.base_url).rstrip("/")
    async with chromium() as browser:
        async with visit(browser, url) as (page, _, _):
            await take(page, "/", "empty", "")
        system.add_products(3)
        eventually(lambda: system.observed() == 3)
        for width, scheme in product(WIDTHS, SCHEMES):
            options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
            async with visit(browser, url, **options) as (page, _, _):
                await take(page, "/", "three", f"{width}-{scheme}")
        system.add_products(22)
        odd = [system.api.create(name.strip()[:255])["id"] for name in ODD_NAMES]
        eventually(lambda: system.observed() == 25 + len(ODD_NAMES))
        system.seed(days=30)
        system.add_products(475)
        eventually(lambda: system.observed() == 500 + len(ODD_NAMES), within=120)
        young = system.api.create("One point only")["id"]
        eventually(lambda: system.api.read(young)["offers"])
        usual = next(each["id"] for each in system.api.all() if each["id"] not in (*odd, young))
        states = {
            "list": "/?sort=new",
            "list-by-name": "/?sort=name",
            "nothing-found": "/?q=nothing+like+it",
            "offers": f"/catalogue/{usual}?range=24h&offers=1",
            "one-point": f"/catalogue/{young}",
            "not-found": "/nowhere",
            "login": "/admin",
            **{f"product-{chosen}": f"/catalogue/{usual}?range={chosen}" for chosen in ("1h", "7d", "30d", "all")},
            **{f"odd-{number}": f"/catalogue/{id}" for number, id in enumerate(odd)},
        }
        for alert in ALERTS:
            made = system.api.client.post("/alerts", json=alert | {"product_ids": [usual]}, headers=system.api.as_admin)
            assert made.status_code == 201, made.text
        for_admins = {
            "alerts": "/admin/alerts",
            "alerts-of-product": f"/admin/products/{usual}/alerts",
            "admin": "/admin",
            "delete": f"/admin/products/{usual}/delete",
            "form": "/admin/products/new",
        }
        for width, scheme in product(WIDTHS, SCHEMES):
            variant = f"{width}-{scheme}"
            options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
            async with visit(browser, url, **options) as (page, _, _):
                for name, path in states.items():
                    await take(page, path, name, variant)
                await page.goto("/admin")
                await page.fill("#username", "admin")
                await page.fill("#password", "admin")
                await page.click("main button")
                for name, path in for_admins.items():
                    await take(page, path, name, variant)
                await page.goto(f"/admin/products/{usual}/alerts/new")
                await page.fill("#cooldown", "12")
                await page.click("#suggest")
                await page.wait_for_selector("svg.tried")
                await take(page, "", "alert-tried", variant)
                await page.goto("/admin/products/new")
                await page.fill("#name", "One point only")
                await page.click("main button")
                await take(page, "", "mistake", variant)
