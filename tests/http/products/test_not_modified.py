"""Unchanged products are answered before the framework; all other requests are answered by it as ever."""

from uuid import UUID

import httpx
import pytest
from structlog.testing import capture_logs

from api_client.api import MISSING, Api, problem_of
from application.catalogue.views import Version
from fakes.catalogue_reader import InMemoryCatalogueReader


async def stored(api: Api) -> tuple[str, dict[str, str]]:
    """Store a product, and return its path with the header of a client that has it."""
    path = f"/products/{(await api.create())['id']}"
    return path, {"If-None-Match": (await api.http.get(path)).headers["ETag"]}


def meaning(answer: httpx.Response) -> tuple[int, dict[str, str]]:
    return answer.status_code, {name: value for name, value in answer.headers.items() if name != "x-request-id"}


async def test_the_product_itself_is_not_read(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    path, condition = await stored(api)

    async def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(InMemoryCatalogueReader, "detail", never)
    answer = await api.http.get(path, headers=condition | {"X-Request-Id": "mine"})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == condition["If-None-Match"]
    assert answer.headers["X-Request-Id"] == "mine"
    assert answer.headers["Cache-Control"].startswith("public, max-age=")


async def test_it_is_logged_as_the_route_that_it_is(api: Api) -> None:
    path, condition = await stored(api)
    with capture_logs() as lines:
        await api.http.get(path, headers=condition)
    assert [(line["event"], line["route"], line["status"]) for line in lines] == [
        ("request", "/products/{product_id}", 304)
    ]


async def test_it_is_the_answer_that_the_framework_would_give(api: Api) -> None:
    path, condition = await stored(api)
    shortest = await api.http.get(path, headers=condition)
    # Which reads ids in capitals too.
    other = await api.http.get(path.upper().replace("PRODUCTS", "products"), headers=condition)
    assert meaning(other) == meaning(shortest)


async def test_an_edit_is_seen_at_once(api: Api) -> None:
    path, condition = await stored(api)
    for name in ("Pot", "Pan"):
        await api.http.patch(path, json={"name": name})
        answer = await api.http.get(path, headers=condition)
        assert (answer.status_code, answer.json()["name"]) == (200, name)


@pytest.mark.parametrize("tag", ["*", '"1.0.0"'])
async def test_what_is_not_there_is_not_unchanged(api: Api, tag: str) -> None:
    path, _ = await stored(api)
    await api.http.delete(path)
    for gone in (path, f"/products/{MISSING}"):
        problem_of(await api.http.get(gone, headers={"If-None-Match": tag}), 404, "product-not-found")


async def test_an_unknown_parameter_is_refused_all_the_same(api: Api) -> None:
    path, condition = await stored(api)
    problem_of(await api.http.get(f"{path}?colour=red", headers=condition), 422, "validation-error")


async def test_a_write_of_what_the_client_has_is_refused_instead(api: Api) -> None:
    path, condition = await stored(api)
    problem_of(await api.http.delete(path, headers=condition), 412, "precondition-failed")


async def test_without_the_database_it_is_said_to_be_away(api: Api) -> None:
    path, condition = await stored(api)
    api.outside.storage.away = True
    problem_of(await api.http.get(path, headers=condition), 503, "database-unavailable")


async def test_a_defect_is_the_frameworks_to_tell(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    path, condition = await stored(api)

    async def defective(_: object, __: UUID) -> Version:
        raise RuntimeError

    monkeypatch.setattr(InMemoryCatalogueReader, "version", defective)
    assert (await api.http.get(path, headers=condition)).status_code == 304
