"""The base URL of the API leads to its docs and its description."""

import httpx
import pytest

LINKED = {"service-desc": "/schema/openapi.json", "service-doc": "/docs", "api-catalog": "/.well-known/api-catalog"}


@pytest.mark.parametrize(("path", "leads_to"), [("/openapi.json", "/schema/openapi.json")])
async def test_what_one_tries_first_leads_on(customer: httpx.AsyncClient, path: str, leads_to: str) -> None:
    answer = await customer.get(path)
    assert (answer.status_code, answer.headers["Location"]) == (302, leads_to)
    assert (await customer.get(path, follow_redirects=True)).status_code == 200


@pytest.mark.parametrize("path", ["/", "/openapi.json", "/.well-known/api-catalog"])
async def test_programs_are_told_by_links(customer: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "HEAD"):
        links = (await customer.request(method, path)).links
        assert {name: link["url"] for name, link in links.items()} == LINKED
    for link in LINKED.values():
        assert (await customer.get(link)).status_code == 200


async def test_the_catalogue_of_apis_is_a_linkset(customer: httpx.AsyncClient) -> None:
    answer = await customer.get("/.well-known/api-catalog")
    assert answer.headers["Content-Type"].startswith("application/linkset+json; profile=")
    (described,) = answer.json()["linkset"]
    assert described["anchor"] == "/"
    for relation in ("service-desc", "service-doc", "status"):
        for link in described[relation]:
            found = await customer.get(link["href"])
            assert found.status_code == 200
            assert found.headers["Content-Type"].startswith(("application/", link["type"]))
