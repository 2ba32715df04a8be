"""PATCH and PUT /products/{id}: a given field changes, another stays; PUT has all."""

from datetime import timedelta

import httpx
import pytest

from api_client.api import MISSING, Api, pointers, problem_of

MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
LATER = "2026-03-14T12:01:00Z"


@pytest.mark.parametrize("headers", [{"Content-Type": "application/json"}, MERGE_PATCH])
async def test_both_types_of_a_patch_change_what_they_name(api: Api, headers: dict[str, str]) -> None:
    created = await api.create()
    api.outside.clock.advance(timedelta(minutes=1))
    answer = await api.http.patch(f"/products/{created['id']}", content=b'{"name": " Pan "}', headers=headers)
    assert answer.status_code == 200
    assert answer.json() == created | {"name": "Pan", "revision": 2, "updated_at": LATER}
    assert answer.headers["ETag"] == '"2.0.0"'


async def test_everybody_reads_the_change(api: Api, customer: httpx.AsyncClient) -> None:
    id = (await api.create())["id"]
    await api.http.patch(f"/products/{id}", json={"name": "Pan", "description": "Fries"})
    read = (await customer.get(f"/products/{id}")).json()
    assert (read["name"], read["description"], read["revision"]) == ("Pan", "Fries", 2)


@pytest.mark.parametrize("body", [{}, {"name": "Kettle"}, {"name": " Kettle "}, {"description": "Boils"}])
async def test_a_patch_that_changes_nothing_is_no_revision(api: Api, body: dict[str, str]) -> None:
    created = await api.create()
    api.outside.clock.advance(timedelta(minutes=1))
    answer = await api.http.patch(f"/products/{created['id']}", json=body)
    assert answer.json() == created
    assert answer.headers["ETag"] == '"1.0.0"'


async def test_a_description_may_become_empty(api: Api) -> None:
    id = (await api.create())["id"]
    assert (await api.http.patch(f"/products/{id}", json={"description": ""})).json()["description"] == ""


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"name": None}, "/name"),
        ({"description": None}, "/description"),
        ({"name": ""}, "/name"),
        ({"name": "x" * 256}, "/name"),
        ({"name": "nul\0"}, "/name"),
        ({"description": "x" * 4_001}, "/description"),
        ({"id": str(MISSING)}, "/id"),
        ({"revision": 9}, "/revision"),
    ],
)
async def test_a_value_that_cannot_be_taken_is_pointed_at_and_changes_nothing(
    api: Api, body: dict[str, object], where: str
) -> None:
    created = await api.create()
    path = f"/products/{created['id']}"
    body = {"description": "changed"} | body
    assert pointers(problem_of(await api.http.patch(path, json=body), 422, "validation-error")) == [where]
    assert (await api.http.get(path)).json() == created | {"offers": []}


async def test_another_products_name_is_taken_but_its_own_is_not(api: Api) -> None:
    await api.create("Kettle")
    pan = await api.create("Pan")
    answer = await api.http.patch(f"/products/{pan['id']}", json={"name": "Kettle"})
    problem_of(answer, 409, "product-already-exists")
    assert (await api.http.get(f"/products/{pan['id']}")).json()["name"] == "Pan"


async def test_there_is_nothing_to_amend_without_a_product(api: Api) -> None:
    problem = problem_of(await api.http.patch(f"/products/{MISSING}", json={}), 404, "product-not-found")
    assert str(MISSING) in problem["detail"]


async def test_a_patch_of_another_type_is_not_read(api: Api) -> None:
    path = f"/products/{(await api.create())['id']}"
    answer = await api.http.patch(path, content=b"{}", headers={"Content-Type": "application/json-patch+json"})
    problem_of(answer, 415, "unsupported-media-type")


async def test_a_replacement_has_both_texts(api: Api) -> None:
    created = await api.create("Kettle")
    answer = await api.http.put(f"/products/{created['id']}", json={"name": " Pan ", "description": ""})
    assert answer.status_code == 200
    expected = {"name": "Pan", "description": "", "revision": 2}
    assert answer.json() == created | expected | {"updated_at": answer.json()["updated_at"]}
    assert answer.headers["ETag"] == '"2.0.0"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert (await api.http.get(f"/products/{created['id']}")).json()["name"] == "Pan"


async def test_the_same_replacement_again_is_no_revision(api: Api) -> None:
    path = f"/products/{(await api.create())['id']}"
    texts = {"name": "Pan", "description": "Fries"}
    revisions = [(await api.http.put(path, json=texts)).json()["revision"] for _ in range(2)]
    assert revisions == [2, 2]


async def test_a_replacement_is_refused_as_an_amendment_is(api: Api) -> None:
    await api.create("Pan")
    path = f"/products/{(await api.create('Kettle'))['id']}"
    pan = {"name": "Pan", "description": ""}
    problem_of(await api.http.put(path, json=pan), 409, "product-already-exists")
    problem_of(await api.http.put(f"/products/{MISSING}", json=pan), 404, "product-not-found")
    merge_patch = {"Content-Type": "application/merge-patch+json"}
    answer = await api.http.put(path, content=b"{}", headers=merge_patch)
    problem_of(answer, 415, "unsupported-media-type")
