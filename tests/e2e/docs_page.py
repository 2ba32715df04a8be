"""What an admin does on the docs page, in Chromium. Run by `make test-browser`, because few machines have one."""

from pathlib import Path

import pytest

from e2e.chromium import Page, open_page
from e2e.processes import Processes
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
