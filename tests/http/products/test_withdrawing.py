"""DELETE /products/{id}: gone at once, its name free again, its id taken until it is purged."""

import httpx

from api_client.api import MISSING, Api, problem_of
from fakes.upkeep import InMemoryCataloguePurge


async def test_a_withdrawn_product_is_gone_from_every_read(api: Api, customer: httpx.AsyncClient) -> None:
    kept, gone = await api.create("Kettle"), await api.create("Pan")
    answer = await api.http.delete(f"/products/{gone['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    for path in ("", "/offers", "/synchronisation"):
        problem_of(await api.http.get(f"/products/{gone['id']}{path}"), 404, "product-not-found")
    assert [product["id"] for product in (await customer.get("/products")).json()["items"]] == [kept["id"]]


async def test_nothing_can_be_done_to_it_any_more(api: Api) -> None:
    path = f"/products/{(await api.create())['id']}"
    await api.http.delete(path)
    problem_of(await api.http.delete(path), 404, "product-not-found")
    problem_of(await api.http.patch(path, json={"name": "Pan"}), 404, "product-not-found")
    problem_of(await api.http.post(f"{path}/register"), 404, "product-not-found")


async def test_its_name_is_free_at_once_and_its_id_after_the_purge(api: Api) -> None:
    gone = await api.create("Kettle")
    await api.http.delete(f"/products/{gone['id']}")
    again = {"name": "Kettle", "description": "", "id": gone["id"]}
    problem_of(await api.http.post("/products", json=again), 409, "product-already-exists")
    await InMemoryCataloguePurge(api.outside.storage).purge_withdrawn()
    assert (await api.http.post("/products", json=again)).status_code == 201


async def test_a_name_is_free_for_another_id(api: Api) -> None:
    gone = await api.create("Kettle")
    await api.http.delete(f"/products/{gone['id']}")
    assert (await api.create("Kettle"))["id"] != gone["id"]


async def test_there_is_nothing_to_withdraw_without_a_product(api: Api) -> None:
    problem_of(await api.http.delete(f"/products/{MISSING}"), 404, "product-not-found")
