"""Forms on pages, filled in as a browser does."""

import html
import re

import httpx

from api_client.api import PASSWORD, USERNAME


def form_of(page: str) -> dict[str, str]:
    """Return the hidden fields of the page's own form."""
    main = page[page.index("<main") : page.index("</main>")]
    hidden = re.findall(r'type="hidden" name="([\w.:]+)" value="([^"]*)"', main)
    return {name: html.unescape(value) for name, value in hidden}


async def send(admin: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    """Load the form and send it with these fields."""
    return await admin.post(path, data=form_of((await admin.get(path)).text) | fields)


async def logged_in(browser: httpx.AsyncClient) -> httpx.AsyncClient:
    """Let an admin log in there."""
    answer = await browser.post("/admin/login", data={"username": USERNAME, "password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin")
    return browser
