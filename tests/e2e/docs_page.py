"""What an admin does on the docs page, in Chromium. Run by `make test-browser`, because few machines have one."""

from pathlib import Path

import pytest

from e2e.chromium import Page, open_page
from e2e.processes import Processes, eventually
from e2e.system import System

EXECUTE = """
const operation = document.querySelector('#operations-%s');
const status = operation.querySelector('.live-responses-table tr.response .response-col_status');
if (status) return status.innerText.trim();
if (!operation.classList.contains('is-open')) operation.querySelector('.opblock-summary-control').click();
// Before it has taken over the example, the page finds that the body is missing.
else if (!operation.querySelector('.loading-container')) operation.querySelector('.execute')?.click();
"""


async def show(page: Page, url: str, operations: int) -> None:
    await page.send("Page.navigate", url=url)
    await page.until(f"return document.querySelectorAll('.opblock').length === {operations}")


async def execute(page: Page, operation: str) -> str:
    """Open an operation, execute it with its example, and return the status that the page shows."""
    return str(await page.until(EXECUTE % operation))


async def on_the_page(page: Page) -> list[str]:
    """Return all operations from top to bottom."""
    found: list[str] = await page.until(
        "return [...document.querySelectorAll('.opblock')].map((each) => each.id.replace('operations-', ''))"
    )
    return found


async def close(page: Page, operation: str) -> None:
    """Fold the operation up: with many open ones the page becomes slow."""
    control = f"#operations-{operation} .opblock-summary-control"
    await page.until(f"document.querySelector('{control}').click(); return true")


async def authorised(page: Page) -> None:
    await page.until("return !!document.querySelector('.auth-wrapper .authorize.locked')")


@pytest.mark.timeout(120)
async def test_an_admin_logs_in_on_the_page_and_creates_a_product(
    system: System, processes: Processes, tmp_path: Path
) -> None:
    system.start()
    origin = str(system.api.client.base_url).rstrip("/")
    paths = system.api.client.get("/schema/openapi.json").json()["paths"]
    operations = sum(len(path) for path in paths.values())
    async with open_page(processes, tmp_path / "profile") as page:
        await show(page, f"{origin}/docs", operations)
        assert await execute(page, "catalogue-createProduct") == "401"
        assert await execute(page, "login-login") == "200"
        await authorised(page)
        await show(page, f"{origin}/docs", operations)
        await authorised(page)
        assert await execute(page, "catalogue-createProduct") == "201"
        events = [(event["method"], event["params"]) for event in page.events]
    assert [product["name"] for product in system.api.all()] == ["Cordless drill 18 V"]
    requested = [params["request"]["url"] for method, params in events if method == "Network.requestWillBeSent"]
    assert len(requested) > 10
    assert [url for url in requested if not url.startswith((f"{origin}/", "data:"))] == []
    assert [params for method, params in events if method == "Runtime.exceptionThrown"] == []
    logged = [params["entry"] for method, params in events if method == "Log.entryAdded"]
    assert [(entry["source"], entry["url"]) for entry in logged] == [("network", f"{origin}/products")]  # the 401


PARAMETERS = """
const rows = [...document.querySelectorAll('#operations-%s .parameters tr[data-param-name]')];
return rows.map((row) => [row.dataset.paramName, row.querySelector('input, select')?.value ?? '',
                          !!row.querySelector('.parameter__name.required')]);
"""


async def filled_in(page: Page, operation: str) -> list[str]:
    """Return the optional parameters of an open operation that are not empty."""
    rows = await page.until(PARAMETERS % operation)
    return [f"{name}={value}" for name, value, required in rows if value and not required]


@pytest.mark.timeout(300)
async def test_every_operation_succeeds_as_it_stands_on_the_page_from_top_to_bottom(
    system: System, processes: Processes, tmp_path: Path
) -> None:
    system.start()
    origin = str(system.api.client.base_url).rstrip("/")
    paths = system.api.client.get("/schema/openapi.json").json()["paths"]
    count = sum(len(path) for path in paths.values())
    statuses: dict[str, str] = {}
    async with open_page(processes, tmp_path / "profile") as page:
        await show(page, f"{origin}/docs", count)
        for operation in await on_the_page(page):
            statuses[operation] = await execute(page, operation)
            assert await filled_in(page, operation) == []
            await close(page, operation)
            if operation == "catalogue-createProduct":
                # The next ones read its offers.
                eventually(lambda: system.api.observed(1))
        sent = [event["params"]["request"] for event in page.events if event["method"] == "Network.requestWillBeSent"]
    assert len(statuses) == count > 15
    assert {status[0] for status in statuses.values()} == {"2"}, statuses
    calls = [(request["url"], {name.lower() for name in request["headers"]}) for request in sent]
    assert [url for url, _ in calls if "?" in url] == []
    optional = {"idempotency-key", "if-match", "if-none-match", "x-request-id"}
    assert [url for url, headers in calls if headers & optional] == []
