"""Swagger UI comes from here alone."""

import re
from pathlib import Path

import httpx
import pytest

from entrypoints.http.openapi import docs

STATIC = Path(docs.__file__).with_name("static")
ELSEWHERE = re.compile(r"""(?:https?:)?//[\w-]""")


async def page(customer: httpx.AsyncClient) -> httpx.Response:
    answer = await customer.get("/docs")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    return answer


async def test_all_that_the_page_loads_is_served_as_what_it_is(customer: httpx.AsyncClient) -> None:
    loaded = re.findall(r'(?:src|href)="([^"]+)"', (await page(customer)).text)
    types = {}
    for path in loaded:
        answer = await customer.get(path)
        assert answer.status_code == 200, path
        assert len(answer.content) > 100
        types[path.rpartition("/")[2]] = answer.headers["Content-Type"].partition(";")[0]
    assert types == {
        "favicon-32x32.png": "image/png",
        "swagger-ui.css": "text/css",
        "swagger-ui-bundle.js": "text/javascript",
        "docs.js": "text/javascript",
    }


async def test_browsers_find_the_icon_where_they_ask_for_it(customer: httpx.AsyncClient) -> None:
    answer = await customer.get("/favicon.ico")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    assert answer.content == (STATIC / "favicon-32x32.png").read_bytes()
    again = await customer.get("/favicon.ico", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


async def test_the_page_and_our_script_name_no_other_place(customer: httpx.AsyncClient) -> None:
    script = (await customer.get("/docs/static/docs.js")).text
    for text in ((await page(customer)).text, script):
        assert not ELSEWHERE.search(text)
    assert 'new URL("../../schema/openapi.json", document.currentScript.src)' in script
    assert "validatorUrl: null" in script


async def test_who_logs_in_on_the_page_stays_authorised(customer: httpx.AsyncClient) -> None:
    """`make test-browser` tries whether it works; the names must be those of the description."""
    script = (await customer.get("/docs/static/docs.js")).text
    schemes = (await customer.get("/schema/openapi.json")).json()["components"]["securitySchemes"]
    authorised = re.findall(r'securityDefinitions\(\)\.get\("(\w+)"\)|authorizeWithPersistOption\(\{ (\w+): ', script)
    assert {"".join(name) for name in authorised} == schemes.keys() - {"key"}
    assert "persistAuthorization: true" in script


async def test_the_style_loads_nothing_from_elsewhere(customer: httpx.AsyncClient) -> None:
    style = (await customer.get("/docs/static/swagger-ui.css")).text
    loaded = re.findall(r"url\(([^)]*)\)|@import", style)
    assert all(each.strip("\"'").startswith("data:") for each in loaded)


async def test_the_page_may_load_nothing_from_elsewhere(customer: httpx.AsyncClient) -> None:
    policy = (await page(customer)).headers["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert not ELSEWHERE.search(policy)
    assert "unsafe-" not in policy


@pytest.mark.parametrize(
    "path", ["docs.py", "../docs.py", "..%2fdocs.py", "%2e%2e/docs.py", "....//docs.py", "/etc/passwd", ""]
)
async def test_nothing_outside_its_folder_is_served(customer: httpx.AsyncClient, path: str) -> None:
    assert (STATIC.parent / "docs.py").exists()
    answer = await customer.get(httpx.URL(f"http://aggregator.test/docs/static/{path}"))
    assert answer.status_code == 404
    assert "import" not in answer.text


async def test_the_licences_of_what_is_not_ours_come_along(customer: httpx.AsyncClient) -> None:
    for name in ("LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"):
        assert (await customer.get(f"/docs/static/{name}")).status_code == 200
