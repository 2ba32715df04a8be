"""Webhooks over HTTP: made, listed, changed, rotated, deleted, and what they have sent."""

import re
from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import httpx
import pytest

from api_client.api import MISSING, Api, pointers, problem_of, shown
from application.access.audit import SubjectKind
from application.webhooks.attempts import AttemptOutcome, Delivery
from application.webhooks.webhook import MOST_WEBHOOKS
from fakes.storage import NOON

URL = "https://shop.example/hooks"
BODY: dict[str, Any] = {"url": URL, "types": ["price.changed"], "description": "Shop window"}
PRODUCT = "2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11"


async def create(api: Api, **changes: Any) -> dict[str, Any]:
    answer = await api.http.post("/webhooks", json=BODY | changes)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def key_for(api: Api, *scopes: str) -> dict[str, str]:
    created = (await api.http.post("/keys", json={"name": "Test", "scopes": list(scopes)})).json()
    return {"Authorization": f"Bearer {created['key']}"}


async def audited(api: Api) -> list[tuple[str, Any, Any]]:
    """Return what was recorded, in the order in which it was; records of one time have no other."""
    records = api.outside.storage.rows.audit
    assert {record.subject and record.subject.kind for record in records} == {SubjectKind.WEBHOOK}
    return [(record.action.value, record.before, record.after) for record in records]


async def test_a_secret_is_shown_once_and_never_again(api: Api) -> None:
    answer = await api.http.post("/webhooks", json=BODY)
    created = answer.json()
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert answer.headers["Location"] == f"/webhooks/{created['id']}"
    secret = created.pop("secret")
    assert secret.startswith("whsec_")
    assert (await api.http.get(f"/webhooks/{created['id']}")).json() == created
    assert (await api.http.get("/webhooks")).json() == {"items": [created]}
    assert (created["state"], created["url"], created["created_at"]) == ("enabled", URL, shown(NOON))
    everything = str(await audited(api)) + str(api.outside.storage.rows.webhooks)
    assert secret.removeprefix("whsec_") not in everything
    assert await audited(api) == [
        (
            "webhook.created",
            None,
            {
                "url": ANY,
                "types": ["price.changed"],
                "product_ids": None,
                "description": "Shop window",
                "enabled": True,
            },
        )
    ]


async def test_a_webhook_is_changed_in_part(api: Api) -> None:
    path = f"/webhooks/{(await create(api))['id']}"
    changed = await api.http.patch(path, json={"types": None, "product_ids": [PRODUCT]})
    assert (changed.json()["types"], changed.json()["product_ids"]) == (None, [PRODUCT])
    assert changed.json()["description"] == "Shop window"
    disabled = (await api.http.patch(path, json={"enabled": False})).json()
    assert (disabled["state"], disabled["disabled_reason"]) == ("disabled", "Disabled by its owner.")
    enabled = (await api.http.patch(path, json={"enabled": True})).json()
    assert (enabled["state"], enabled["disabled_reason"]) == ("enabled", None)
    assert (await api.http.patch(path, json={"enabled": True})).status_code == 200
    assert [action for action, _, _ in await audited(api)] == ["webhook.created"] + 3 * ["webhook.amended"]
    assert (await audited(api))[2] == ("webhook.amended", {"enabled": True}, {"enabled": False})


async def test_the_audit_log_tells_urls_apart_and_shows_no_secret_in_them(api: Api) -> None:
    path = f"/webhooks/{(await create(api))['id']}"
    for url in ("https://shop.example:8443/hooks/s3cret?token=s3cret", "https://shop.example:8443/hooks/0ther"):
        assert (await api.http.patch(path, json={"url": url})).json()["url"] == url
    first, second = [after["url"] for _, before, after in await audited(api) if before]
    for shown_url in (first, second):
        assert re.fullmatch(r"https://shop\.example:8443/… \([0-9a-f]{8}\)", shown_url)
    assert first != second


async def test_a_rotation_shows_the_new_secret(api: Api) -> None:
    created = await create(api)
    rotated = (await api.http.post(f"/webhooks/{created['id']}/rotate")).json()
    assert rotated["secret"] != created["secret"]
    assert rotated["previous_secret_until"] == shown(NOON + timedelta(hours=24))
    listed = (await api.http.get(f"/webhooks/{created['id']}")).json()
    assert listed["previous_secret_until"] == rotated["previous_secret_until"]
    assert (await audited(api))[-1][0] == "webhook.secret_rotated"


async def test_a_deleted_webhook_is_gone(api: Api) -> None:
    path = f"/webhooks/{(await create(api))['id']}"
    assert (await api.http.delete(path)).status_code == 204
    for method, below in [
        ("GET", ""), ("DELETE", ""), ("PATCH", ""), ("POST", "/rotate"), ("POST", "/ping"), ("GET", "/deliveries"),
    ]:  # fmt: skip
        body = {"enabled": True} if method == "PATCH" else None
        problem_of(await api.http.request(method, path + below, json=body), 404, "not-found")
    replay = await api.http.post(f"/webhooks/{MISSING}/replay", json={"after": "0-0-0"})
    problem_of(replay, 404, "not-found")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"url": "shop.example"}, "/url"),
        ({"url": "ftp://shop.example/"}, "/url"),
        ({"url": "https://shop.example:5432/"}, "/url"),
        ({"url": 7}, "/url"),
        ({"types": []}, "/types"),
        ({"types": ["price.fallen"]}, "/types/0"),
        ({"product_ids": ["drill"]}, "/product_ids/0"),
        ({"product_ids": [PRODUCT] * 51}, "/product_ids"),
        ({"description": "a" * 4_001}, "/description"),
        ({"secret": "mine"}, "/secret"),
    ],
)
async def test_a_wrong_value_is_pointed_at(api: Api, changes: dict[str, Any], pointer: str) -> None:
    answer = await api.http.post("/webhooks", json=BODY | changes)
    (found,) = pointers(problem_of(answer, 422, "validation-error"))
    assert found in (pointer, pointer.removesuffix("/0"))
    assert (await api.http.get("/webhooks")).json() == {"items": []}
    if "secret" not in changes:
        path = f"/webhooks/{(await create(api))['id']}"
        problem_of(await api.http.patch(path, json=changes), 422, "validation-error")


async def test_events_about_webhooks_are_for_admins(api: Api, customer: httpx.AsyncClient) -> None:
    secret = {"types": ["webhook.disabled"]}
    reader = await key_for(api, "webhooks:write", "alerts:read")
    refused = await customer.post("/webhooks", json=BODY | secret, headers=reader)
    assert pointers(problem_of(refused, 422, "validation-error")) == ["/types"]
    created = await api.http.post("/webhooks", json=BODY | secret)
    assert created.status_code == 201
    path = f"/webhooks/{created.json()['id']}"
    taken_over = await customer.patch(path, json={"url": "https://elsewhere.example/"}, headers=reader)
    problem_of(taken_over, 422, "validation-error")
    problem_of(await customer.post(f"{path}/rotate", headers=reader), 422, "validation-error")


async def test_events_of_alerts_need_the_scope_to_read_alerts(api: Api, customer: httpx.AsyncClient) -> None:
    secret = {"types": ["alert.firing"]}
    writer, reader = await key_for(api, "webhooks:write"), await key_for(api, "webhooks:write", "alerts:read")
    refused = await customer.post("/webhooks", json=BODY | secret, headers=writer)
    assert pointers(problem_of(refused, 422, "validation-error")) == ["/types"]
    allowed = await customer.post("/webhooks", json=BODY | secret, headers=reader)
    assert allowed.status_code == 201
    path = f"/webhooks/{allowed.json()['id']}"
    taken_over = await customer.patch(path, json={"url": "https://elsewhere.example/"}, headers=writer)
    problem_of(taken_over, 422, "validation-error")
    problem_of(await customer.post(f"{path}/rotate", headers=writer), 422, "validation-error")


async def test_there_is_a_most(api: Api) -> None:
    for _ in range(MOST_WEBHOOKS):
        await create(api)
    problem_of(await api.http.post("/webhooks", json=BODY), 422, "validation-error")
    assert len((await api.http.get("/webhooks")).json()["items"]) == MOST_WEBHOOKS


async def test_a_ping_waits_for_a_worker(api: Api) -> None:
    created = await create(api)
    path = f"/webhooks/{created['id']}"
    answer = await api.http.post(f"{path}/ping")
    assert answer.status_code == 202
    assert answer.json()["event_id"].startswith("ping-")
    found = (await api.http.get(path)).json()
    assert (found["waiting"], found["next_attempt_at"]) == (1, shown(NOON))
    assert (await audited(api))[-1] == ("webhook.pinged", None, answer.json())


async def test_a_replay_puts_the_position_back(api: Api) -> None:
    created = await create(api)
    await api.create()
    (event,) = api.outside.storage.rows.events
    async with api.outside.storage.begin() as work:
        webhook = await work.webhooks.get(event_webhook(api))
        webhook.position = event.position
        await work.webhooks.save(webhook)
        await work.commit()
    path = f"/webhooks/{created['id']}"
    answer = await api.http.post(f"{path}/replay", json={"after": created["position"]})
    assert (answer.status_code, answer.json()) == (202, {"position": created["position"]})
    assert (await api.http.get(path)).json()["position"] == created["position"]
    mismatch = problem_of(await api.http.post(f"{path}/replay", json={"after": "yesterday"}), 400, "cursor-mismatch")
    assert "id of an event" in mismatch["detail"]
    problem_of(await api.http.post(f"{path}/replay", json={"after": "fff-1-1"}), 410, "cursor-expired")


def event_webhook(api: Api) -> Any:
    (webhook_id,) = api.outside.storage.rows.webhooks.webhooks
    return webhook_id


async def test_a_disabled_webhook_sends_nothing_on_demand(api: Api) -> None:
    created = await create(api)
    path = f"/webhooks/{created['id']}"
    await api.http.patch(path, json={"enabled": False})
    problem_of(await api.http.post(f"{path}/ping"), 409, "webhook-disabled")
    replay = await api.http.post(f"{path}/replay", json={"after": created["position"]})
    problem_of(replay, 409, "webhook-disabled")


async def test_deliveries_are_paged(api: Api) -> None:
    created = await create(api)
    path = f"/webhooks/{created['id']}/deliveries"
    outcomes = (AttemptOutcome.DELIVERED, AttemptOutcome.FAILED, AttemptOutcome.DELIVERED)
    async with api.outside.storage.begin() as work:
        made = [
            Delivery(f"1-1-{n}", "price.changed", NOON + timedelta(seconds=n), 1, outcome, 200, None, "ok", 12, None)
            for n, outcome in enumerate(outcomes)
        ]
        await work.webhooks.log(event_webhook(api), *made)
        await work.commit()
    first = await api.http.get(path, params={"limit": 2})
    assert [each["event_id"] for each in first.json()["items"]] == ["1-1-2", "1-1-1"]
    rest = await api.http.get(first.links["next"]["url"])
    assert ([each["event_id"] for each in rest.json()["items"]], rest.json()["next"]) == (["1-1-0"], None)
    failed = (await api.http.get(path, params={"outcome": "failed"})).json()
    assert [(each["outcome"], each["status"]) for each in failed["items"]] == [("failed", 200)]
    wrong = await api.http.get(path, params={"outcome": "failed", "cursor": first.json()["next"]})
    problem_of(wrong, 400, "cursor-mismatch")
    problem_of(await api.http.get(path, params={"cursor": "x"}), 400, "cursor-mismatch")
