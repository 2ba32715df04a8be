"""POST /products: the stored product, the answer, and the refusals."""

from uuid import UUID

import httpx
import pytest

from api_client.api import Api, pointers, problem_of

OWN_ID = "6a1f0c1e-7b4d-4a5e-82c1-9d0e8f7a6b5c"
NEW = {"name": "Kettle", "description": "Boils"}
SINCE = "2026-03-14T12:00:00Z"


async def test_a_new_product_is_answered_in_full_with_its_place_and_tag(api: Api) -> None:
    answer = await api.http.post("/products", json=NEW)
    assert answer.status_code == 201
    id = answer.json()["id"]
    assert answer.json() == {
        "id": id,
        "name": "Kettle",
        "description": "Boils",
        "created_at": SINCE,
        "updated_at": SINCE,
        "revision": 1,
        "registration": {"state": "pending", "since": SINCE, "detail": None},
        "best_offer": None,
        "offers_in_stock": 0,
        "observed_at": None,
        "stale": False,
    }
    assert UUID(id).version == 4
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Location"] == f"/products/{id}"
    assert answer.headers["ETag"] == '"1.0.0"'


async def test_its_place_shows_the_same_product_with_the_same_tag(api: Api, customer: httpx.AsyncClient) -> None:
    created = await api.http.post("/products", json=NEW)
    read = await customer.get(created.headers["Location"])
    assert read.json() == created.json() | {"offers": []}
    assert read.headers["ETag"] == created.headers["ETag"]


async def test_workers_are_told_of_the_registration(api: Api) -> None:
    await api.create()
    assert api.outside.signal.signals == 1


async def test_a_refused_product_tells_workers_nothing_and_stores_nothing(api: Api) -> None:
    await api.http.post("/products", json=NEW | {"name": " "})
    assert api.outside.signal.signals == 0
    assert (await api.http.get("/products")).json()["items"] == []


@pytest.mark.parametrize("written", [OWN_ID, OWN_ID.upper(), OWN_ID.replace("-", "")])
async def test_an_own_id_is_taken_however_it_is_written(api: Api, written: str) -> None:
    answer = await api.http.post("/products", json=NEW | {"id": written})
    assert answer.status_code == 201
    assert answer.json()["id"] == OWN_ID
    assert answer.headers["Location"] == f"/products/{OWN_ID}"
    for path in (OWN_ID, OWN_ID.upper()):
        assert (await api.http.get(f"/products/{path}")).json()["id"] == OWN_ID


async def test_a_name_is_given_once(api: Api) -> None:
    await api.create("Kettle")
    problem = problem_of(await api.http.post("/products", json=NEW), 409, "product-already-exists")
    assert "name" in problem["detail"]
    assert len((await api.http.get("/products")).json()["items"]) == 1


async def test_an_id_is_given_once(api: Api) -> None:
    await api.create(id=OWN_ID)
    answer = await api.http.post("/products", json={"name": "Pan", "description": "", "id": OWN_ID.upper()})
    assert "id" in problem_of(answer, 409, "product-already-exists")["detail"]


async def test_names_that_differ_in_case_are_two(api: Api) -> None:
    await api.create("Kettle")
    await api.create("kettle")


async def test_a_name_is_trimmed_and_composed_before_it_is_compared(api: Api) -> None:
    assert (await api.create(" \tCafe\u0301\n\u3000"))["name"] == "Caf\u00e9"
    answer = await api.http.post("/products", json=NEW | {"name": "Caf\u00e9"})
    problem_of(answer, 409, "product-already-exists")


@pytest.mark.parametrize("description", ["", "  kept as it is \n", "Cafe\u0301", "x" * 4_000, "\U0001f600" * 4_000])
async def test_a_description_is_kept_to_the_letter(api: Api, description: str) -> None:
    assert (await api.create(description=description))["description"] == description


@pytest.mark.parametrize("name", ["x", "x" * 255, "\U0001f600" * 255, " " * 300 + "x", "e\u0301" * 255])
async def test_a_name_of_up_to_255_characters_is_taken(api: Api, name: str) -> None:
    await api.create(name)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"name": ""}, ["/name"]),
        ({"name": " \t\n\u2003"}, ["/name"]),
        ({"name": "x" * 256}, ["/name"]),
        ({"name": "\u200b"}, ["/name"]),
        ({"name": "\u200d \ufeff\u2060\u00ad"}, ["/name"]),
        ({"name": "nul\0"}, ["/name"]),
        ({"name": None}, ["/name"]),
        ({"name": 7}, ["/name"]),
        ({"name": ["x"]}, ["/name"]),
        ({"description": "x" * 4_001}, ["/description"]),
        ({"description": "nul\0"}, ["/description"]),
        ({"description": None}, ["/description"]),
        ({"id": None}, ["/id"]),
        ({"id": "no-uuid"}, ["/id"]),
        ({"id": 7}, ["/id"]),
        ({"price": 7}, ["/price"]),
        ({"revision": 7}, ["/revision"]),
    ],
)
async def test_a_value_that_cannot_be_taken_is_pointed_at(
    api: Api, change: dict[str, object], where: list[str]
) -> None:
    problem = problem_of(await api.http.post("/products", json=NEW | change), 422, "validation-error")
    assert pointers(problem) == where
    assert all(error["detail"] for error in problem["errors"])


@pytest.mark.parametrize("missing", ["name", "description"])
async def test_a_missing_field_is_pointed_at(api: Api, missing: str) -> None:
    body = {name: value for name, value in NEW.items() if name != missing}
    problem = problem_of(await api.http.post("/products", json=body), 422, "validation-error")
    assert pointers(problem) == [f"/{missing}"]


@pytest.mark.parametrize("text", [rb"\ud800", rb"\udc00\ud800", rb"a\uD83Db"])
@pytest.mark.parametrize("field", [b"name", b"description", b"unknown"])
async def test_a_lone_surrogate_is_a_value_that_cannot_be_taken(api: Api, field: bytes, text: bytes) -> None:
    body = b'{"name": "n", "description": "d", "%s": "%s"}' % (field, text)
    answer = await api.http.post("/products", content=body, headers={"Content-Type": "application/json"})
    problem = problem_of(answer, 422, "validation-error")
    assert pointers(problem) == [""]
    assert "surrogate" in problem["detail"]


async def test_a_surrogate_pair_is_one_character(api: Api) -> None:
    answer = await api.http.post(
        "/products",
        content=rb'{"name": "\ud83d\ude00", "description": ""}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.json()["name"] == "\U0001f600"
