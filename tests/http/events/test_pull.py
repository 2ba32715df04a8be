"""`GET /events`: pages, filters, cursors, waiting, and who may see what."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from api_client.api import Api, problem_of
from application.access.actor import Scope
from domain.event import Event, EventType
from domain.offer import Offer
from factories import some_id
from fakes.storage import NOON
from specification.event_schemas import sample_data
from waiting import until


async def append(api: Api, *kinds: EventType, subject: UUID | None = None) -> None:
    async with api.outside.storage.begin() as work:
        await work.events.append(
            *(
                Event(
                    kind, None if kind is EventType.WEBHOOK_DISABLED else subject or some_id(), NOON, sample_data(kind)
                )
                for kind in kinds
            )
        )
        await work.commit()


async def pull(client: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await client.get("/events", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    page: dict[str, Any] = answer.json()
    return page


def types_of(page: dict[str, Any]) -> list[str]:
    return [item["type"] for item in page["items"]]


async def test_what_happens_to_a_product_is_pulled_in_its_order(api: Api) -> None:
    product = await api.create("Kettle")
    await api.http.patch(f"/products/{product['id']}", json={"name": "Pan"})
    await api.http.delete(f"/products/{product['id']}")
    page = await pull(api.as_customer())
    assert types_of(page) == ["product.created", "product.amended", "product.withdrawn"]
    assert {item["subject"] for item in page["items"]} == {product["id"]}
    assert page["items"][1]["data"] == {"name": "Pan", "description": "Boils", "revision": 2}
    assert page["caught_up"] is True


async def test_following_next_reads_every_event_once(api: Api) -> None:
    await append(api, *[EventType.PRODUCT_CREATED] * 5)
    seen: list[str] = []
    after: dict[str, str] = {}
    for _ in range(10):
        page = await pull(api.as_customer(), limit=2, **after)
        seen += [item["id"] for item in page["items"]]
        after = {"after": page["next"]}
        if page["caught_up"]:
            break
    assert len(seen) == len(set(seen)) == 5
    again = await pull(api.as_customer(), after=seen[2])
    assert [item["id"] for item in again["items"]] == seen[3:]
    assert (await pull(api.as_customer(), **after))["items"] == []


async def test_the_latest_cursor_is_behind_all_events(api: Api) -> None:
    await append(api, EventType.PRODUCT_CREATED)
    page = await pull(api.as_customer(), after="latest")
    assert (page["items"], page["caught_up"]) == ([], True)
    await append(api, EventType.PRODUCT_AMENDED)
    assert types_of(await pull(api.as_customer(), after=page["next"])) == ["product.amended"]


async def test_types_and_products_are_filters(api: Api) -> None:
    one, other = some_id(), some_id()
    await append(api, EventType.PRODUCT_CREATED, EventType.PRICE_CHANGED, subject=one)
    await append(api, EventType.PRODUCT_CREATED, EventType.PRODUCT_REJECTED, subject=other)
    customer = api.as_customer()
    assert types_of(await pull(customer, type=["price.changed", "product.rejected"])) == [
        "price.changed",
        "product.rejected",
    ]
    assert len((await pull(customer, product_id=[str(one), str(other)]))["items"]) == 4
    assert types_of(await pull(customer, product_id=str(other), type="product.created")) == ["product.created"]


async def test_only_admins_and_keys_with_the_scope_see_alerts_and_only_admins_webhooks(api: Api) -> None:
    await append(api, EventType.PRODUCT_CREATED, EventType.ALERT_FIRING, EventType.WEBHOOK_DISABLED)
    assert types_of(await pull(api.as_customer())) == ["product.created"]
    assert types_of(await pull(api.http)) == ["product.created", "alert.firing", "webhook.disabled"]
    reader, other = await _key(api, Scope.ALERTS_READ), await _key(api, Scope.AUDIT_READ)
    assert types_of(await pull(reader)) == ["product.created", "alert.firing"]
    assert types_of(await pull(reader, type="alert.firing")) == ["alert.firing"]
    assert types_of(await pull(other)) == ["product.created"]
    for client, kind, status in (
        (api.as_customer(), "alert.firing", 401),
        (api.as_customer(), "webhook.disabled", 401),
        (other, "alert.resolved", 403),
        (reader, "webhook.disabled", 403),
    ):
        assert (await client.get("/events", params={"type": kind})).status_code == status
    wrong = await api.as_customer().get("/events", headers={"Authorization": "Bearer nonsense"})
    problem_of(wrong, 401, "unauthenticated")


async def _key(api: Api, scope: Scope) -> httpx.AsyncClient:
    answer = await api.http.post("/keys", json={"name": "Reader", "scopes": [scope.value]})
    client = api.as_customer()
    client.headers["Authorization"] = f"Bearer {answer.json()['key']}"
    return client


@pytest.mark.parametrize("cursor", ["nonsense", "1-2", "1-2-3-4", "01-2-3", "1-2-g", "1-2-3 ", "ffff-1-1"])
async def test_a_cursor_of_something_else_is_a_mismatch(api: Api, cursor: str) -> None:
    answer = await api.as_customer().get("/events", params={"after": cursor})
    problem_of(answer, 400, "cursor-mismatch")


async def test_a_cursor_that_has_expired_says_where_to_go_on(api: Api) -> None:
    answer = await api.as_customer().get("/events", params={"after": "7-1-1"})
    problem = problem_of(answer, 410, "cursor-expired")
    assert (await pull(api.as_customer(), after=problem["oldest"]))["caught_up"] is True


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1_001}, "limit"),
        ({"wait": -1}, "wait"),
        ({"wait": 26}, "wait"),
        ({"wait": "nan"}, "wait"),
        ({"type": "price.exploded"}, "type"),
        ({"product_id": "x"}, "product_id"),
        ({"type": ["price.changed"] * 51}, "type"),
    ],
)
async def test_values_that_are_not_allowed_are_named(api: Api, query: dict[str, Any], parameter: str) -> None:
    answer = await api.as_customer().get("/events", params=query)
    assert [mistake["parameter"] for mistake in problem_of(answer, 422, "validation-error")["errors"]] == [parameter]


async def test_an_empty_answer_waits_for_the_first_event_that_passes(api: Api) -> None:
    product = await api.create("Kettle")
    after = (await pull(api.as_customer(), after="latest"))["next"]
    wanted = {"after": after, "wait": 25, "type": "price.changed"}
    waiting = asyncio.create_task(pull(api.as_customer(), **wanted))
    await _listening(api)
    await append(api, EventType.PRODUCT_AMENDED)
    await api.outside.observe(UUID(product["id"]), Offer(some_id(), 5, 1))
    page = await waiting
    assert types_of(page) == ["price.changed"]


async def test_a_wait_without_an_event_ends_with_the_cursor_up_to_which_it_looked(api: Api) -> None:
    after = (await pull(api.as_customer(), after="latest"))["next"]
    waiting = asyncio.create_task(pull(api.as_customer(), after=after, wait=1.5, type="price.changed"))
    await _listening(api)
    await append(api, EventType.PRODUCT_AMENDED)
    page = await waiting
    assert (page["items"], page["caught_up"]) == ([], True)
    assert (await pull(api.as_customer(), after=page["next"]))["items"] == []


async def test_a_waiting_request_holds_no_place_of_reads(api: Api) -> None:
    reads = api.outside.limits.reads
    waiting = [asyncio.create_task(pull(api.as_customer(), wait=25)) for _ in range(reads + 1)]
    await _listening(api)
    assert (await api.as_customer().get("/products")).status_code == 200
    await append(api, EventType.PRODUCT_CREATED)
    pages = await asyncio.gather(*waiting)
    assert all(types_of(page) == ["product.created"] for page in pages)


async def _listening(api: Api) -> None:
    """Wait until the feed runs: then a waiting request listens."""
    await until(lambda: any("EventFeed._read" in repr(task.get_coro()) for task in asyncio.all_tasks()))
