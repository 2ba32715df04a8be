"""What people do on the pages, in Chromium. Run by `make test-web`, because few machines have one."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, Request, Response, expect

from e2e.browsers import accessible, chromium, visit
from e2e.processes import eventually
from e2e.system import System
from e2e.webhook_receivers import Receiver

PATIENCE = 40_000
"""Milliseconds for the updates that the page makes by itself, on a busy machine."""
POLLED, SELDOM = 15_000, 60_000
"""Milliseconds after which a page asks for news by itself: without a stream, and with one."""
FOLLOWED = "stream?.readyState === 1"
NO_POLLING = """{
    const set = setTimeout;
    window.setTimeout = (call, delay, ...rest) => set(call, delay >= 15000 ? 2 ** 31 - 1 : delay, ...rest);
}"""
HIDDEN = """
    Object.defineProperty(document, "hidden", { value: %s, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
"""
DIAGNOSED = re.compile(r"^(Everything is well|\d+ findings?)$")


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


def started(system: System, products: int) -> str:
    """Start everything with observed products, and return where the pages are."""
    system.start()
    system.add_products(products)
    eventually(lambda: system.observed() == products)
    return str(system.api.client.base_url).rstrip("/")


def prices(system: System, product: str) -> list[int]:
    return [offer["price"] for offer in system.api.read(product)["offers"]]


async def until(page: Page, condition: str) -> None:
    """Wait for a condition in the page, whose policy forbids Playwright's own way, which evaluates it there."""
    async with asyncio.timeout(PATIENCE / 1000):
        while not await page.evaluate(condition):
            await asyncio.sleep(0.05)


def is_refresh(request: Request) -> bool:
    return "seen=" in request.url


def is_stream(response: Response) -> bool:
    return "/events/stream" in response.url


async def stream_after_polling(page: Page) -> int:
    """Let the page poll once, and return how its stream was answered."""
    await until(page, "stream?.readyState === 2")
    async with page.expect_request(is_refresh), page.expect_response(is_stream) as answer:
        await page.clock.fast_forward(POLLED)
    return (await answer.value).status


def refreshes_of(page: Page) -> list[str]:
    """Return the list of the refreshes that the page asks for from now on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if is_refresh(request) else None)
    return asked


async def log_in(page: Page, *, right: bool = True) -> None:
    await page.fill("#username", "admin")
    await page.fill("#password", "admin" if right else "wrong")
    await page.click("main button")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_shopper_finds_a_product_and_sees_how_its_price_came_about(
    system: System, browser: Browser, scheme: str
) -> None:
    url = started(system, 30)
    system.seed(days=30)
    async with visit(browser, url, color_scheme=scheme) as (page, _, troubles):
        await page.goto("/")
        await expect(page.locator(".products tbody tr")).to_have_count(25)
        await expect(page.locator("footer")).to_contain_text("Europe/Prague")
        await accessible(page)
        name = await page.locator(".products .name a").first.inner_text()
        await page.locator("#q").press_sequentially(name.split()[-1], delay=20)
        await expect(page.locator(".products tbody tr")).to_have_count(1)
        await expect(page).to_have_url(re.compile("q="))
        await page.reload()
        await expect(page.locator("#q")).to_have_value(name.split()[-1])
        await page.click("text=In stock")
        await expect(page.locator(".chip[aria-current]")).to_have_text(re.compile("In stock"))

        await page.goto("/?sort=name")
        await page.click("text=Next page")
        await expect(page.locator(".products tbody tr")).to_have_count(5)
        await page.go_back()
        await page.locator(".products .name a").first.click()
        await expect(page.locator(".verdict")).to_contain_text("seller")
        await accessible(page)
        await page.click(".ranges >> text=30 d")
        await expect(page).to_have_url(re.compile("range=30d"))
        await expect(page.locator(".ranges [aria-current]")).to_have_text("30 d")
        await page.locator("svg[data-points]").focus()
        await page.keyboard.press("End")
        await page.keyboard.press("ArrowLeft")
        await expect(page.locator("#spoken")).to_contain_text(re.compile(r": [0-9,]+$"))
        await page.click("footer >> text=Dark")
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        await accessible(page)
    assert troubles == []


async def test_a_changed_price_appears_without_polling_also_after_the_api_was_killed(
    system: System, browser: Browser
) -> None:
    _, api, _ = system.start()
    product = system.api.create("Kettle")["id"]
    system.simulator.dictate([product], 4_100)
    eventually(lambda: prices(system, product) == [4_100])
    async with visit(browser, str(system.api.client.base_url).rstrip("/")) as (page, _, _):
        await page.add_init_script(NO_POLLING)
        refreshes = refreshes_of(page)
        await page.goto(f"/catalogue/{product}")
        await expect(page.locator(".big")).to_have_text("4,100")
        await until(page, FOLLOWED)
        system.simulator.dictate([product], 3_900)
        await expect(page.locator(".big")).to_have_text("3,900", timeout=PATIENCE)
        api.send(signal.SIGKILL)
        await until(page, f"!({FOLLOWED})")
        asked = len(refreshes)
        system.start_api()
        await until(page, FOLLOWED)
        system.simulator.dictate([product], 3_700)
        await expect(page.locator(".big")).to_have_text("3,700", timeout=PATIENCE)
        assert asked
        assert len(refreshes) > asked


async def test_without_a_place_among_the_streams_a_page_polls_until_it_gets_one(
    system: System, browser: Browser
) -> None:
    system.start_api(EVENTS_STREAMS="1")
    product = system.api.create("Kettle")["id"]
    async with visit(browser, str(system.api.client.base_url).rstrip("/")) as (page, _, _):
        await page.clock.install()
        with system.api.client.stream("GET", "/events/stream"):
            await page.goto(f"/catalogue/{product}")
            for _ in range(2):
                assert await stream_after_polling(page) == 503
        # The server may notice a little later that the place is free.
        while await stream_after_polling(page) != 200:
            pass
        await until(page, FOLLOWED)

        # What no event tells is asked for all the same, but seldom.
        await until(page, "due - Date.now() > 15000")
        async with page.expect_request(is_refresh):
            await page.clock.fast_forward(SELDOM)

        for begin, end in (
            ('document.getElementById("pause").click()',) * 2,
            (HIDDEN % "true", HIDDEN % "false"),
            ('dispatchEvent(new Event("pagehide"))', 'dispatchEvent(new Event("pageshow"))'),
        ):
            await page.evaluate(begin)
            assert await page.evaluate("stream === null && due === Infinity")
            async with page.expect_request(is_refresh), page.expect_response(is_stream):
                await page.evaluate(end)
            await until(page, FOLLOWED)


async def test_an_update_in_place_takes_nothing_from_the_reader(system: System, browser: Browser) -> None:
    url = started(system, 1)
    system.seed(days=30)
    async with visit(browser, url, viewport={"width": 900, "height": 500}) as (page, _, troubles):
        await page.goto("/")
        await page.locator(".products .name a").first.click()
        await page.click(".ranges >> text=24 h")
        await expect(page.locator(".ranges [aria-current]")).to_be_focused()
        await page.click("text=Single offers")
        await expect(page.locator(".switches [aria-current]")).to_be_focused()
        await page.click("#earlier summary")
        await page.locator("svg[data-points]").focus()
        await page.keyboard.press("Home")
        await page.keyboard.press("ArrowRight")
        spoken = await page.locator("#spoken").inner_text()
        await page.evaluate("getSelection().selectAllChildren(document.querySelector('h1'))")
        await page.evaluate("scrollTo(0, 333)")
        shown = page.locator("#product")
        before = await shown.get_attribute("hx-get")
        await expect(shown).not_to_have_attribute("hx-get", before or "", timeout=PATIENCE)
        await expect(page.locator("svg[data-points]")).to_be_focused()
        await expect(page.locator("#earlier")).to_have_attribute("open", "")
        await expect(page.locator("path.offer").first).to_be_attached()
        await expect(page.locator("#spoken")).to_have_text(spoken)
        await expect(page.locator("#cursor")).to_have_attribute("visibility", "visible")
        assert await page.evaluate("getSelection().toString() === document.querySelector('h1').innerText")
        assert await page.evaluate("scrollY") == 333
    assert troubles == []


async def test_without_scripts_everything_is_a_link_or_a_form(system: System, browser: Browser) -> None:
    url = started(system, 2)
    async with visit(browser, url, java_script_enabled=False) as (page, _, _):
        await page.goto("/")
        await page.fill("#q", "nothing like it")
        await page.click("text=Show")
        await expect(page.locator(".empty")).to_contain_text("No product matches")
        await page.click("text=Show the whole catalogue")
        await page.locator(".products .name a").first.click()
        await page.click(".ranges >> text=24 h")
        await expect(page.locator(".ranges [aria-current]")).to_have_text("24 h")
        await page.click("nav >> text=Admin")
        await log_in(page)
        await expect(page.locator("h1")).to_have_text("No product needs you")
        await page.click("text=Look for what is wrong with the service")
        await expect(page.locator("h1")).to_have_text("Diagnosis")
        await expect(page.locator("#findings")).to_have_text(DIAGNOSED)


async def test_an_admin_makes_a_mistake_mends_it_edits_and_deletes(system: System, browser: Browser) -> None:
    url = started(system, 1)
    taken = system.api.all()[0]["name"]
    async with visit(browser, url) as (page, context, _):
        await page.goto("/admin/products/new")
        await log_in(page, right=False)
        await expect(page.locator("[role=alert]")).to_contain_text("wrong")
        await accessible(page)
        await log_in(page)
        await expect(page).to_have_url(f"{url}/admin/products/new")
        await page.fill("#name", taken)
        await page.fill("#description", "Typed with care")
        await page.click("main button")
        await expect(page.locator("#name-mistake")).to_contain_text("Another product has this name")
        await expect(page.locator("#name")).to_be_focused()
        await expect(page.locator("#description")).to_have_value("Typed with care")
        await accessible(page)
        await page.fill("#name", "A kettle")
        await page.click("main button")
        await expect(page.locator("h1")).to_have_text("A kettle")
        await page.click("text=Edit")
        await page.fill("#name", "A better kettle")
        await page.click("text=Save")
        await expect(page.locator("h1")).to_have_text("A better kettle")

        # Another tab ends the session; this one says so and comes back to where it was.
        other = await context.new_page()
        await other.goto("/admin")
        await accessible(other)
        await other.click("text=Log out")
        await expect(other).to_have_url(f"{url}/")
        await page.click("text=Edit")
        await expect(page.locator("h1")).to_have_text("Log in")
        await log_in(page)
        await expect(page.locator("#name")).to_have_value("A better kettle")

        # So does one that ends while a form is filled in: the form has the typed text again.
        for path in ("/admin/products/new", page.url.removeprefix(url)):
            await page.goto(path)
            await page.fill("#name", "Typed late")
            await page.fill("#description", "Line one\nLine two")
            await context.clear_cookies(name="session")
            await page.click("main button")
            await expect(page.locator("[role=alert]")).to_contain_text("What you typed is kept.")
            await accessible(page)
            await log_in(page)
            await expect(page.locator("#name")).to_have_value("Typed late")
            await expect(page.locator("#description")).to_have_value("Line one\nLine two")
            await expect(page).to_have_url(f"{url}{path}")
            await accessible(page)

        await page.click("text=Cancel")
        await page.click("text=Delete")
        await accessible(page)
        await page.click("text=Delete this product")
        await expect(page.locator("[role=status]").first).to_be_hidden()
        await expect(page.locator(".done")).to_contain_text("The product is deleted.")
    assert [product["name"] for product in system.api.all()] == [taken]


async def test_an_admin_makes_a_key_revokes_it_and_finds_both_in_the_audit_log(
    system: System, browser: Browser
) -> None:
    url = started(system, 0)
    async with visit(browser, url) as (page, _, _):
        await page.goto("/admin/keys")
        await log_in(page)
        await page.fill("#name", "Nightly import")
        await page.click("text=Create the key")
        await expect(page.locator("#scopes-mistake")).to_contain_text("at least one scope")
        await accessible(page)
        await page.check("#catalogue-write")
        await page.click("text=Create the key")
        await expect(page.locator("#secret")).to_have_value(re.compile("^pak_"))
        await accessible(page)
        await page.click("text=I have copied it")
        await accessible(page)
        await page.click("table >> text=Revoke")
        await accessible(page)
        await page.click("text=Revoke this key")
        await expect(page.locator(".done")).to_contain_text("The key is revoked.")
        await page.goto("/admin")
        await expect(page.locator("#findings")).to_have_text(DIAGNOSED)
        await accessible(page)
        await page.click("text=Audit log")
        await page.select_option("#action", "key.revoked")
        await page.click("main button")
        await expect(page.locator(".audit tbody tr")).to_have_count(1)
        await expect(page.locator(".audit tbody td").nth(3)).to_contain_text("revoked_at")
        await accessible(page)


async def test_an_admin_makes_a_webhook_pings_it_and_finds_the_delivery(system: System, browser: Browser) -> None:
    system.start_workers(3600)
    system.start_api()
    receiver = Receiver()
    try:
        async with visit(browser, str(system.api.client.base_url).rstrip("/")) as (page, _, _):
            await page.goto("/admin/webhooks/new")
            await log_in(page)
            await page.fill("#url", "shop.example")
            await page.click("main button")
            await expect(page.locator("#url-mistake")).to_contain_text("absolute http or https URL")
            await expect(page.locator("#url")).to_be_focused()
            await accessible(page)
            await page.fill("#url", receiver.url)
            await page.click("main button")
            await expect(page.locator("#secret")).to_have_value(re.compile("^whsec_"))
            secret = await page.locator("#secret").input_value()
            await accessible(page)
            await page.click("text=I have copied it")
            await page.click("text=Send a ping")
            await expect(page.locator(".done")).to_contain_text("A ping is on its way.")
            eventually(lambda: receiver.taken)
            receiver.verify(secret)
            eventually(lambda: system.number("SELECT count(*) FROM webhook_delivery"))
            await page.click("text=Delivered")
            await expect(page.locator(".deliveries tbody tr")).to_have_count(1)
            await accessible(page)
            await page.click("text=Replace the secret")
            await accessible(page)
            await page.click("main button")
            await expect(page.locator("#secret")).not_to_have_value(secret)
            await page.click("text=I have copied it")
            await page.click("text=Disable")
            await page.click(".crumbs a")
            await expect(page.locator(".webhooks")).to_contain_text("Disabled by its owner.")
            await accessible(page)
            await page.click(".webhooks a")
            await page.click("text=Delete")
            await accessible(page)
            await page.click("text=Delete this webhook")
            await expect(page.locator(".done")).to_contain_text("The webhook is deleted.")
    finally:
        receiver.stop()


async def test_an_admin_tries_an_alert_on_the_chart_makes_it_and_disables_it(system: System, browser: Browser) -> None:
    url = started(system, 1)
    system.seed(days=30)
    product = system.api.all()[0]["id"]
    async with visit(browser, url) as (page, _, _):
        await page.goto("/admin")
        await log_in(page)
        await page.goto(f"/catalogue/{product}")
        await expect(page.locator("#alerts")).to_contain_text("No alert watches this product.")
        await page.click("text=Make an alert >> nth=0")
        await expect(page.locator("#percent")).to_be_hidden()
        await page.select_option("#kind", "drop")
        await expect(page.locator("#percent")).to_be_visible()
        await expect(page.locator("#price")).to_be_hidden()
        await page.select_option("#kind", "price_below")
        await page.fill("#name", "Cheap")
        await page.click("#try")
        await expect(page.locator("#price-mistake")).to_contain_text("Type a price")
        await expect(page.locator("#price")).to_be_focused()
        await accessible(page)
        await page.fill("#per_week", "2")
        await page.click("#suggest")
        await expect(page.locator("#trial [role=status]")).to_contain_text("It would have fired")
        await expect(page.locator("#price")).to_have_value(re.compile(r"^\d+$"))
        await expect(page.locator("svg.tried .told .marks")).to_be_attached()
        await expect(page.locator("#name")).to_have_value("Cheap")
        await accessible(page)
        await page.click("text=Make the alert")
        await expect(page.locator(".done")).to_contain_text("The alert is made.")
        await accessible(page)
        await page.click("text=Disable")
        await expect(page.locator(".done")).to_contain_text("The alert is disabled")
        await page.click(".crumbs a")
        await expect(page.locator("#main")).to_contain_text("For one product: disabled.")
        await accessible(page)
        await page.goto(f"/catalogue/{product}")
        await expect(page.locator("#alerts")).to_contain_text("Cheap")
        await accessible(page)


async def test_while_upstream_is_down_the_page_says_how_old_the_price_is(system: System, browser: Browser) -> None:
    simulator, _, _ = system.start()
    system.add_products(1)
    eventually(lambda: system.observed() == 1)
    simulator.send(signal.SIGKILL)
    product = system.api.all()[0]["id"]
    eventually(lambda: system.api.read(product)["stale"])
    async with visit(browser, str(system.api.client.base_url).rstrip("/")) as (page, _, troubles):
        await page.goto("/")
        await expect(page.locator(".state")).to_contain_text("last known")
        await page.locator(".products .name a").first.click()
        await expect(page.locator(".verdict")).to_contain_text("this was the last price")
        await accessible(page)
    assert troubles == []
