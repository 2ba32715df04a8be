"""If-Match: an edit that does not know of another is refused; observations are no edits."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from api_client.api import INTERVAL, MISSING, ONLY_OFFER, Api, problem_of
from domain.offer import Offer

Write = Callable[..., Any]


async def amend(api: Api, id: object, *tags: str, **change: str) -> httpx.Response:
    headers = [("If-Match", tag) for tag in tags]
    return await api.http.patch(f"/products/{id}", json=change or {"description": "Whistles"}, headers=headers)


async def replace(api: Api, id: object, *tags: str) -> httpx.Response:
    """Replace both texts, one by another."""
    headers = [("If-Match", tag) for tag in tags]
    body = {"name": "Kettle", "description": "Whistles"}
    return await api.http.put(f"/products/{id}", json=body, headers=headers)


async def withdraw(api: Api, id: object, *tags: str) -> httpx.Response:
    return await api.http.delete(f"/products/{id}", headers=[("If-Match", tag) for tag in tags])


@pytest.fixture(params=[amend, replace, withdraw])
def write(request: pytest.FixtureRequest) -> Any:
    return request.param


async def test_a_tag_from_three_observations_ago_still_matches(api: Api, write: Write) -> None:
    id = UUID((await api.create())["id"])
    await api.outside.observe(id, Offer(ONLY_OFFER, 900, 3))
    tag = (await api.http.get(f"/products/{id}")).headers["ETag"]
    for price in (901, 902, 903):
        api.outside.clock.advance(INTERVAL)
        await api.outside.observe(id, Offer(ONLY_OFFER, price, 3))
    assert (await api.http.get(f"/products/{id}")).headers["ETag"] != tag
    assert (await write(api, id, tag)).is_success


async def test_a_tag_from_before_another_edit_does_not_match_and_nothing_changes(api: Api, write: Write) -> None:
    created = await api.http.post("/products", json={"name": "Kettle", "description": "Boils"})
    id = created.json()["id"]
    edited = await amend(api, id, created.headers["ETag"], description="Sings")
    problem = problem_of(await write(api, id, created.headers["ETag"]), 412, "precondition-failed")
    assert "revision 2" in problem["detail"]
    assert (await api.http.get(f"/products/{id}")).json() == edited.json() | {"offers": []}
    assert (await write(api, id, edited.headers["ETag"])).is_success


async def test_a_registration_change_is_a_revision_too(api: Api, write: Write) -> None:
    created = await api.http.post("/products", json={"name": "Kettle", "description": "Boils"})
    await api.outside.observe(UUID(created.json()["id"]))
    problem_of(await write(api, created.json()["id"], created.headers["ETag"]), 412, "precondition-failed")


async def test_an_edit_that_would_change_nothing_is_refused_all_the_same(api: Api) -> None:
    id = (await api.create())["id"]
    problem_of(await amend(api, id, '"9.0.0"', description="Boils"), 412, "precondition-failed")


@pytest.mark.parametrize(
    ("fields", "matches"),
    [
        ([], True),
        (["*"], True),
        (['"1.0.0"'], True),
        (['"1.1767225600000000.1"'], True),
        (['"9.0.0" , "1.5.0"'], True),
        (['"9.0.0"', '"1.0.0"'], True),
        (['W/"9.0.0", "1.0.0"'], True),
        (['W/"1.0.0"'], True),
        (['W/"9.0.0", W/"1.5.0"'], True),
        (['"9.0.0"'], False),
        (['"11.0.0"'], False),
        (['W/"9.0.0"'], False),
        (['w/"1.0.0"'], False),
        (["1.0.0"], False),
        (["1"], False),
        (['"1"'], False),
        (['"1.0"'], False),
        (['"01.0.0"'], False),
        (['"1.0.2"'], False),
        (['"1.0.0.0"'], False),
        (['"-1.0.0"'], False),
        (['"1.0.0" "1.0.0"'], False),
        (['"1.0.0", garbage'], False),
        (['"*"'], False),
        ([""], False),
        (['"' + "9" * 5_000 + '.0.0"'], False),
    ],
)
async def test_only_a_tag_of_the_revision_matches(api: Api, write: Write, fields: list[str], matches: bool) -> None:
    id = (await api.create())["id"]
    answer = await write(api, id, *fields)
    if matches:
        assert answer.is_success
    else:
        problem_of(answer, 412, "precondition-failed")


@pytest.mark.parametrize("tag", ["*", '"1.0.0"', "garbage"])
async def test_nothing_matches_what_is_not_there(api: Api, write: Write, tag: str) -> None:
    problem_of(await write(api, MISSING, tag), 404, "product-not-found")


async def test_a_body_is_checked_before_the_condition_and_a_taken_name_after_it(api: Api) -> None:
    id = (await api.create())["id"]
    await api.create("Pan")
    answer = await api.http.patch(f"/products/{id}", json={"name": None}, headers={"If-Match": '"9.0.0"'})
    problem_of(answer, 422, "validation-error")
    problem_of(await amend(api, id, '"9.0.0"', name="Pan"), 412, "precondition-failed")


BODIES = {"PATCH": {"description": "Whistles"}, "PUT": {"name": "Pan", "description": ""}, "DELETE": None}


@pytest.mark.parametrize("method", BODIES)
@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        (["*"], True),
        (['"1.0.0"'], True),
        (['"1.5.0"'], True),
        (['W/"1.0.0"'], True),
        (['"9.0.0"', '"1.0.0"'], True),
        (['"9.0.0"'], False),
        (["garbage"], False),
        ([""], False),
    ],
)
async def test_a_write_may_exclude_what_is_there(api: Api, method: str, fields: list[str], refused: bool) -> None:
    """RFC 9110, section 13.1.2: with `*` the write is for what does not exist."""
    path = f"/products/{(await api.create())['id']}"
    headers = [("If-None-Match", field) for field in fields]
    answer = await api.http.request(method, path, json=BODIES[method], headers=headers)
    if refused:
        problem_of(answer, 412, "precondition-failed")
        assert (await api.http.get(path)).json()["revision"] == 1
    else:
        assert answer.is_success


@pytest.mark.parametrize("method", BODIES)
async def test_both_conditions_must_hold(api: Api, method: str) -> None:
    path = f"/products/{(await api.create())['id']}"
    headers = {"If-Match": '"1.0.0"', "If-None-Match": '"1.0.0"'}
    problem_of(await api.http.request(method, path, json=BODIES[method], headers=headers), 412, "precondition-failed")
    headers = {"If-Match": '"9.0.0"', "If-None-Match": '"8.0.0"'}
    problem_of(await api.http.request(method, path, json=BODIES[method], headers=headers), 412, "precondition-failed")
    headers = {"If-Match": "*", "If-None-Match": '"9.0.0"'}
    assert (await api.http.request(method, path, json=BODIES[method], headers=headers)).is_success


async def test_nothing_there_is_not_found_whatever_is_excluded(api: Api) -> None:
    answer = await api.http.delete(f"/products/{MISSING}", headers={"If-None-Match": "*"})
    problem_of(answer, 404, "product-not-found")
