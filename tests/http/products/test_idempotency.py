"""Idempotency-Key on POST /products: the same request is answered as the first time, and done once."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from api_client.api import INTERVAL, MISSING, Api, Outside, parameters, problem_of, serving

NEW = {"name": "Kettle", "description": "Boils"}
DAY = timedelta(hours=24)
KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


async def create(api: Api, key: str | None = KEY, **headers: str) -> httpx.Response:
    return await send(api, NEW, key, **headers)


async def send(api: Api, body: dict[str, Any], key: str | None = KEY, **headers: str) -> httpx.Response:
    keys = {} if key is None else {"Idempotency-Key": key}
    return await api.http.post("/products", json=body, headers=keys | headers)


async def names(api: Api) -> list[str]:
    return [product["name"] for product in (await api.http.get("/products")).json()["items"]]


async def test_the_first_answer_is_that_without_a_key(api: Api) -> None:
    answer = await create(api)
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers
    assert answer.headers["ETag"] == '"1.0.0"'
    assert answer.headers["Location"] == f"/products/{answer.json()['id']}"
    read = (await api.http.get(answer.headers["Location"])).json()
    assert read == answer.json() | {"offers": []}


async def test_the_same_request_is_answered_as_the_first_time_whatever_became_of_the_product(api: Api) -> None:
    first = await create(api)
    id = UUID(first.json()["id"])
    await api.outside.observe(id)
    await api.http.patch(f"/products/{id}", json={"name": "Pan"})
    api.outside.clock.advance(INTERVAL)
    for _ in range(2):
        again = await create(api)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert (again.status_code, again.content) == (201, first.content)
        for header in ("Location", "ETag", "Content-Type", "Cache-Control"):
            assert again.headers[header] == first.headers[header]
    assert await names(api) == ["Pan"]
    await api.http.delete(f"/products/{id}")
    assert (await create(api)).content == first.content
    assert await names(api) == []


async def test_workers_are_told_once(api: Api) -> None:
    await create(api)
    await create(api)
    assert api.outside.signal.signals == 1


async def test_the_same_request_may_be_written_in_another_way(api: Api) -> None:
    await create(api)
    body = b'{ "description":"Boils",\n"name":"\\u004bettle" }'
    headers = {"Idempotency-Key": KEY, "Content-Type": "application/json"}
    again = await api.http.post("/products", content=body, headers=headers)
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("change", [{"name": "Pan"}, {"description": ""}, {"id": str(MISSING)}])
async def test_another_request_with_the_key_is_refused(api: Api, change: dict[str, str]) -> None:
    await create(api)
    problem_of(await send(api, NEW | change), 422, "idempotency-mismatch")
    assert await names(api) == ["Kettle"]
    assert (await create(api)).headers["Idempotency-Replayed"] == "true"


async def test_a_key_is_forgotten_after_a_day(api: Api) -> None:
    first = await create(api)
    api.outside.clock.advance(DAY)
    assert (await create(api)).content == first.content
    api.outside.clock.advance(timedelta(seconds=1))
    problem_of(await create(api), 409, "product-already-exists")
    other = await send(api, {"name": "Pan", "description": ""})
    assert (other.status_code, "Idempotency-Replayed" in other.headers) == (201, False)
    assert (await send(api, {"name": "Pan", "description": ""})).content == other.content


async def test_a_failure_is_not_kept(api: Api) -> None:
    taken = await api.create()
    problem_of(await create(api), 409, "product-already-exists")
    problem_of(await send(api, NEW | {"name": " "}), 422, "validation-error")
    api.outside.storage.away = True
    problem_of(await create(api), 503, "database-unavailable")
    api.outside.storage.away = False
    assert not api.outside.storage.rows.idempotency_keys
    await api.http.delete(f"/products/{taken['id']}")
    answer = await create(api)
    assert (answer.status_code, "Idempotency-Replayed" in answer.headers) == (201, False)


async def test_other_keys_are_other_requests(api: Api) -> None:
    await create(api)
    problem_of(await create(api, KEY.upper()), 409, "product-already-exists")
    problem_of(await create(api, None), 409, "product-already-exists")


async def test_a_key_is_its_admins_own() -> None:
    outside = Outside()
    async with serving(outside) as before, serving(outside, ADMIN_USERNAME="another admin") as after:
        await create(before)
        answer = await create(after, Authorization=outside.authorization("another admin"))
        problem_of(answer, 409, "product-already-exists")


async def test_a_request_under_way_is_not_waited_for(api: Api) -> None:
    await create(api)
    (digest,) = api.outside.storage.rows.idempotency_keys
    api.outside.storage.taken.add(digest)
    problem_of(await create(api), 409, "idempotency-in-progress")


async def test_the_key_itself_is_not_stored(api: Api) -> None:
    await create(api)
    assert KEY not in repr(api.outside.storage.rows)


@pytest.mark.parametrize("key", ["x", "~" * 255, '"quoted"', "!,;"])
async def test_a_key_is_visible_ascii(api: Api, key: str) -> None:
    first = await create(api, key)
    assert (first.status_code, (await create(api, key)).content) == (201, first.content)


@pytest.mark.parametrize("key", [b"", b"~" * 256, b"a b", b"a\tb", "ключ".encode(), b"caf\xe9"])
async def test_any_other_key_is_refused_and_nothing_is_stored(api: Api, key: bytes) -> None:
    answer = await api.http.post("/products", json=NEW, headers=[(b"Idempotency-Key", key)])
    assert parameters(problem_of(answer, 422, "validation-error")) == ["Idempotency-Key"]
    assert await names(api) == []


async def test_two_keys_are_none(api: Api) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = await api.http.post("/products", json=NEW, headers=headers)
    assert parameters(problem_of(answer, 422, "validation-error")) == ["Idempotency-Key"]


async def test_a_replay_needs_a_token_too(api: Api, customer: httpx.AsyncClient) -> None:
    await create(api)
    answer = await customer.post("/products", json=NEW, headers={"Idempotency-Key": KEY})
    problem_of(answer, 401, "unauthenticated")
