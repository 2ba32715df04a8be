"""Admins who do the same thing at once, over HTTP and on PostgreSQL."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import create_engine
from api_client.api import Api, Outside, problem_of, serving
from application.catalogue.idempotency_keys import KeptAnswer
from domain.errors import IdempotencyInProgress
from entrypoints.limits import RequestLimits
from storages.databases import AMPLE
from storages.storage import HOUR, new_product, on_postgres
from waiting import PATIENCE

OF_OPERATION = RequestLimits()


@asynccontextmanager
async def serving_on(database: AsyncEngine, limits: RequestLimits = OF_OPERATION) -> AsyncIterator[Api]:
    storage = on_postgres(database)
    async with serving(Outside(begin=storage.begin, reader=storage.reader.reader, limits=limits)) as api:
        yield api


async def test_of_edits_that_expect_one_revision_only_one_wins(database: AsyncEngine) -> None:
    async with serving_on(database) as api:
        path = f"/products/{(await api.create())['id']}"
        for revision in range(1, 6):
            tag = (await api.http.get(path)).headers["ETag"]
            texts = [f"{revision} {writer}" for writer in range(4)]
            answers = await asyncio.gather(
                *(api.http.patch(path, json={"description": text}, headers={"If-Match": tag}) for text in texts)
            )
            assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 3}
            product = (await api.http.get(path)).json()
            (won,) = [answer.json() for answer in answers if answer.status_code == 200]
            assert (product["revision"], product["description"]) == (revision + 1, won["description"])


async def test_an_edit_and_a_withdrawal_that_expect_one_revision_do_not_both_win(database: AsyncEngine) -> None:
    async with serving_on(database) as api:
        path, tag = f"/products/{(await api.create())['id']}", {"If-Match": '"1.0.0"'}
        edit, withdrawal = await asyncio.gather(
            api.http.patch(path, json={"description": "Sings"}, headers=tag), api.http.delete(path, headers=tag)
        )
        if withdrawal.status_code == 204:
            problem_of(edit, 404, "product-not-found")
        else:
            problem_of(withdrawal, 412, "precondition-failed")
            assert edit.status_code == 200


async def test_of_many_creates_at_once_each_gets_his_own_answer(database: AsyncEngine) -> None:
    async with serving_on(database) as api:
        names = [f"Kettle {number // 4}" for number in range(100)]
        bodies = [{"name": name, "description": str(number)} for number, name in enumerate(names)]
        # No more than there are connections: on a busy machine others would be refused for waiting too long.
        at_once = asyncio.Semaphore(8)

        async def create(body: dict[str, str]) -> httpx.Response:
            async with at_once:
                # A busy machine may hold up the create of the same name beyond the limit of a lock.
                while (answer := await api.http.post("/products", json=body)).status_code == 503:
                    pass
                return answer

        answers = await asyncio.gather(*map(create, bodies))
        created = {}
        for body, answer in zip(bodies, answers, strict=True):
            if answer.status_code == 201:
                product = answer.json()
                assert {name: product[name] for name in body} == body
                created[product["id"]] = body["name"]
            else:
                problem_of(answer, 409, "product-already-exists")
        assert sorted(created.values()) == sorted({*names})
        listed = (await api.http.get("/products", params={"limit": 100})).json()["items"]
        assert {product["id"]: product["name"] for product in listed} == created


async def test_a_create_that_waits_for_a_name_in_vain_is_the_only_one_that_fails(database: AsyncEngine) -> None:
    """Another transaction is about to take the name, and does not end."""
    begin = on_postgres(database).begin
    async with serving_on(database) as api, begin() as stuck:
        await stuck.products.add(new_product(name="Kettle"))
        names = ["Kettle", *(f"Pot {number}" for number in range(8))]
        bodies = [{"name": name, "description": ""} for name in names]
        kettle, *pots = await asyncio.gather(*(api.http.post("/products", json=body) for body in bodies))
        problem_of(kettle, 503, "database-unavailable")
        assert [pot.status_code for pot in pots] == [201] * 8


@pytest.fixture
async def patient(dsn: str, database: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """Give the same database with ample time for a lock, too."""
    engine = create_engine(dsn, AMPLE)
    yield engine
    await engine.dispose()


async def test_a_create_waits_for_another_that_may_take_its_name(database: AsyncEngine, patient: AsyncEngine) -> None:
    begin = on_postgres(database).begin
    async with serving_on(patient, RequestLimits(request=PATIENCE)) as api:
        async with begin() as other:
            await other.products.add(new_product(name="Kettle"))
            creating = asyncio.create_task(api.http.post("/products", json={"name": "Kettle", "description": ""}))
            while not creating.done() and not await _waits_for_a_lock(database):
                await asyncio.sleep(0)
        # The other one is rolled back.
        assert (await creating).status_code == 201


async def _waits_for_a_lock(database: AsyncEngine) -> bool:
    async with database.connect() as connection:
        waiting = text(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%product%'"
        )
        return bool((await connection.execute(waiting)).scalar_one())


async def test_of_many_creates_with_one_key_one_is_done_and_none_waits_for_it(database: AsyncEngine) -> None:
    async with serving_on(database) as api:

        async def create() -> httpx.Response:
            body = {"name": "Kettle", "description": "Boils"}
            # A busy machine may hold up others beyond the limits of the database.
            while (
                answer := await api.http.post("/products", json=body, headers={"Idempotency-Key": "one"})
            ).status_code == 503:
                pass
            return answer

        answers = await asyncio.gather(*(create() for _ in range(20)))
        created = [answer for answer in answers if answer.status_code == 201]
        assert sum("Idempotency-Replayed" not in answer.headers for answer in created) == 1
        for answer in answers:
            if answer.status_code != 201:
                problem_of(answer, 409, "idempotency-in-progress")
        again = await create()
        assert {answer.content for answer in [*created, again]} == {again.content}
        assert again.headers["Idempotency-Replayed"] == "true"
        assert [product["id"] for product in (await api.http.get("/products")).json()["items"]] == [again.json()["id"]]


async def test_a_key_that_is_held_is_refused_at_once_and_free_after_a_rollback(database: AsyncEngine) -> None:
    begin, key = on_postgres(database).begin, bytes(range(200, 232))
    async with begin() as first:
        assert await first.idempotency_keys.take(key, HOUR) is None
        await first.idempotency_keys.keep(key, KeptAnswer(b"", b"{}"))
        async with begin() as second:
            with pytest.raises(IdempotencyInProgress):
                await second.idempotency_keys.take(key, HOUR)
        async with begin() as other:
            assert await other.idempotency_keys.take(bytes(32), HOUR) is None
    async with begin() as third:
        assert await third.idempotency_keys.take(key, HOUR) is None
