"""HEAD and OPTIONS, which every path has for everybody."""

from uuid import UUID

import httpx
import pytest

from api_client.api import ONLY_OFFER, Api
from api_client.routes import PUBLIC_ROUTES, filled, routes
from domain.offer import Offer


def volatile(headers: httpx.Headers) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "x-request-id"}


async def test_head_answers_everywhere_as_get_does_but_without_a_body(api: Api, customer: httpx.AsyncClient) -> None:
    id = UUID((await api.create())["id"])
    await api.outside.observe(id, Offer(ONLY_OFFER, 900, 3))
    templates = sorted({template for method, template in routes(api.app) if method == "GET"})
    assert len(templates) > 10
    for template in templates:
        path = filled(template, product_id=str(id), offer_id=str(ONLY_OFFER))
        for client in (api.http, customer):
            got, headed = await client.get(path), await client.head(path)
            assert (headed.status_code, volatile(headed.headers)) == (got.status_code, volatile(got.headers)), path
            assert headed.content == b""
            # A stream has no length.
            length = None if template.startswith("/exports") and got.is_success else str(len(got.content))
            assert headed.headers.get("Content-Length") == length, path


async def test_a_conditional_head_is_answered_as_a_conditional_get_is(api: Api, customer: httpx.AsyncClient) -> None:
    path = f"/products/{(await api.create())['id']}"
    tag = (await customer.head(path)).headers["ETag"]
    answer = await customer.head(path, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.headers["ETag"]) == (304, tag)


async def test_options_tells_everybody_the_methods_of_every_path(api: Api, customer: httpx.AsyncClient) -> None:
    paths: dict[str, set[str]] = {}
    for method, template in routes(api.app):
        paths.setdefault(template, {"OPTIONS"}).add(method)
    for template, methods in paths.items():
        answer = await customer.options(filled(template))
        assert (answer.status_code, answer.content) == (204, b""), template
        with_head = methods | {"HEAD"} if "GET" in methods else methods
        assert answer.headers["Allow"] == ", ".join(sorted(with_head)), template
        assert ("Accept-Patch" in answer.headers) == ("PATCH" in methods)


@pytest.mark.parametrize("query", ["", "?attention=true", "?colour=red"])
async def test_options_asks_for_no_token_and_minds_no_query(customer: httpx.AsyncClient, query: str) -> None:
    assert ("POST", "/products") not in PUBLIC_ROUTES
    assert (await customer.options(f"/products{query}")).status_code == 204
