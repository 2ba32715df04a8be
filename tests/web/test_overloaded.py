"""What a browser sees when the API has no room."""

from contextlib import suppress

import httpx
import pytest

from api_client.api import Api
from application.bounded_queue import QueueFull
from entrypoints.http.middleware.load_shedding import Kind


@pytest.mark.parametrize(("accept", "media_type"), [("text/html,*/*", "text/html"), ("*/*", "application/problem")])
async def test_browsers_get_a_page_and_programs_a_problem(
    api: Api, browser: httpx.AsyncClient, accept: str, media_type: str
) -> None:
    frame = api.app.asgi_handler
    places = frame._places[Kind.READ]  # type: ignore[attr-defined]
    taken = 0
    try:
        with suppress(QueueFull):
            while True:
                await places.enter()
                taken += 1
        answer = await browser.get("/", headers={"Accept": accept})
    finally:
        for _ in range(taken):
            places.leave()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.headers["Content-Type"].startswith(media_type)
