"""Alerts over HTTP: made, seen firing, changed and deleted."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from api_client.api import DAY, HOUR, MISSING, Api, pointers, problem_of, shown
from application.alerts.reading import MOST_FOR_ALL
from domain.event import EventType
from fakes.storage import NOON

MINUTE = timedelta(minutes=1)
BELOW: dict[str, Any] = {"kind": "price_below", "price": 900}
BODY: dict[str, Any] = {"name": " Cheap ", "product_ids": None, "when": BELOW}


async def create(api: Api, **changes: Any) -> dict[str, Any]:
    answer = await api.http.post("/alerts", json=BODY | changes)
    assert answer.status_code == 201, answer.text
    alert: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/alerts/{alert['id']}"
    return alert


def told(api: Api) -> list[tuple[str, dict[str, Any]]]:
    """Return the types and the data of the alerts' events."""
    events = [each for each in api.outside.storage.rows.events if each.type in ALERT_EVENTS]
    return [(each.type.value, msgspec.json.decode(each.json)["data"]) for each in events]


ALERT_EVENTS = (EventType.ALERT_FIRING, EventType.ALERT_RESOLVED)


async def test_an_alert_is_made_listed_and_shown(api: Api) -> None:
    id = await api.create_observed((1000, MINUTE))
    alert = await create(api, product_ids=[str(id), str(id)], **{"for": "PT90M", "cooldown": "P1W"})
    assert alert == {
        "id": alert["id"],
        "name": "Cheap",
        "product_ids": [str(id)],
        "when": {"kind": "price_below", "price": 900, "resolve_above": None},
        "for": "PT1H30M",
        "cooldown": "P7D",
        "enabled": True,
        "since": shown(NOON + MINUTE),
        "created_at": shown(NOON + MINUTE),
        "updated_at": shown(NOON + MINUTE),
    }
    assert (await api.http.get("/alerts")).json() == {"items": [alert]}
    detail = (await api.http.get(f"/alerts/{alert['id']}")).json()
    ok = {"product_id": str(id), "state": "ok", "since": None, "suppressed": False}
    assert detail == alert | {"states": [ok], "transitions": []}


@pytest.mark.parametrize(
    "when",
    [
        {"kind": "price_below", "price": 5, "resolve_above": 7},
        {"kind": "price_above", "price": 5, "resolve_below": None},
        {"kind": "drop", "percent": 12.5, "period": "P7D"},
        {"kind": "rise", "percent": 10, "period": "PT36H"},
        {"kind": "new_low", "period": "P30D"},
        {"kind": "new_high", "period": "PT1S"},
        {"kind": "out_of_stock"},
        {"kind": "in_stock"},
    ],
    ids=lambda when: when["kind"],
)
async def test_every_condition_is_kept(api: Api, when: dict[str, Any]) -> None:
    alert = await create(api, when=when)
    assert alert["when"] == when | ({"period": "P1DT12H"} if when.get("period") == "PT36H" else {})


async def test_it_fires_with_the_observation_and_resolves(api: Api) -> None:
    id = await api.create_observed((1000, MINUTE))
    alert = await create(api, cooldown="PT1H")
    await api.outside.observe_prices(id, (899, MINUTE), (901, MINUTE), (898, MINUTE))
    named = {"id": alert["id"], "name": "Cheap"}
    fell = NOON + MINUTE
    assert told(api) == [
        ("alert.firing", {"alert": named, "value": 899, "threshold": 900, "since": shown(fell)}),
        (
            "alert.resolved",
            {"alert": named, "value": 901, "threshold": 900, "since": shown(fell), "reason": "condition"},
        ),
    ]
    detail = (await api.http.get(f"/alerts/{alert['id']}")).json()
    again = {
        "product_id": str(id),
        "kind": "firing",
        "at": shown(fell + 2 * MINUTE),
        "since": shown(fell + 2 * MINUTE),
        "value": 898,
        "threshold": 900,
        "suppressed": True,
        "reason": None,
    }
    assert detail["transitions"][0] == again
    assert [each["kind"] for each in detail["transitions"]] == ["firing", "resolved", "firing"]
    assert detail["states"] == [
        {"product_id": str(id), "state": "firing", "since": shown(fell + 2 * MINUTE), "suppressed": True}
    ]


@pytest.mark.parametrize(
    ("gone", "reason"),
    [("alert", "alert-deleted"), ("disabled", "alert-disabled"), ("product", "product-withdrawn")],
)
async def test_fault_48_what_fires_is_resolved_and_says_why(api: Api, gone: str, reason: str) -> None:
    id = await api.create_observed((1000, MINUTE))
    alert = await create(api)
    await api.outside.observe_prices(id, (899, MINUTE))
    match gone:
        case "alert":
            assert (await api.http.delete(f"/alerts/{alert['id']}")).status_code == 204
            problem_of(await api.http.get(f"/alerts/{alert['id']}"), 404, "not-found")
        case "disabled":
            disabled = await api.http.patch(f"/alerts/{alert['id']}", json={"enabled": False})
            assert disabled.json()["enabled"] is False
        case _:
            await api.http.delete(f"/products/{id}")
    (_, (kind, data)) = told(api)
    assert (kind, data["reason"], data["value"]) == ("alert.resolved", reason, None)
    if gone != "product":
        await api.outside.observe_prices(id, (898, MINUTE), (901, MINUTE))
        assert len(told(api)) == 2


async def test_fault_47_an_edited_rule_starts_what_was_pending_again_and_a_new_name_changes_nothing(api: Api) -> None:
    id = await api.create_observed((1000, MINUTE))
    alert = await create(api, **{"for": "PT10M"})
    await api.outside.observe_prices(id, (899, 9 * MINUTE))
    path = f"/alerts/{alert['id']}"
    renamed = (await api.http.patch(path, json={"name": "Very cheap"})).json()
    assert (renamed["name"], renamed["since"]) == ("Very cheap", alert["since"])
    (state,) = (await api.http.get(path)).json()["states"]
    assert (state["state"], state["since"]) == ("pending", shown(NOON + MINUTE))
    edited = (await api.http.patch(path, json={"when": {"kind": "price_below", "price": 950}})).json()
    assert edited["since"] == shown(NOON + 10 * MINUTE)
    await api.outside.observe_prices(id, (899, 10 * MINUTE))
    assert told(api) == []
    await api.outside.observe_prices(id, (899, MINUTE))
    ((kind, data),) = told(api)
    assert (kind, data["since"], data["alert"]["name"]) == ("alert.firing", shown(NOON + 10 * MINUTE), "Very cheap")


async def test_writes_are_audited_with_what_changed(api: Api) -> None:
    alert = await create(api)
    path = f"/alerts/{alert['id']}"
    await api.http.patch(path, json={"cooldown": "PT6H"})
    await api.http.patch(path, json={"cooldown": "PT6H", "name": "Cheap"})
    await api.http.delete(path)
    records = (await api.http.get("/audit", params={"subject_id": alert["id"]})).json()["items"]
    records.sort(key=lambda each: ["alert.created", "alert.amended", "alert.deleted"].index(each["action"]))
    fields = {name: alert[name] for name in ("name", "product_ids", "when", "for", "cooldown", "enabled")}
    assert [(each["before"], each["after"]) for each in records] == [
        (None, fields),
        ({"cooldown": "PT0S"}, {"cooldown": "PT6H"}),
        (fields | {"cooldown": "PT6H"}, None),
    ]
    assert {each["subject"]["kind"] for each in records} == {"alert"}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"name": " "}, "/name"),
        ({"product_ids": []}, "/product_ids"),
        ({"product_ids": [str(MISSING)]}, "/product_ids"),
        ({"product_ids": [str(UUID(int=number)) for number in range(101)]}, "/product_ids"),
        ({"when": {"kind": "cheap"}}, "/when"),
        ({"when": {"price": 5}}, "/when"),
        ({"when": None}, "/when"),
        ({"when": BELOW | {"price": -1}}, "/when"),
        ({"when": BELOW | {"price": 2**63}}, "/when"),
        ({"when": BELOW | {"resolve_above": 899}}, "/when"),
        ({"when": BELOW | {"resolve_below": 1}}, "/when"),
        ({"when": {"kind": "drop", "percent": 0, "period": "P7D"}}, "/when"),
        ({"when": {"kind": "drop", "percent": 1.005, "period": "P7D"}}, "/when"),
        ({"when": {"kind": "drop", "percent": 1, "period": "P31D"}}, "/when"),
        ({"when": {"kind": "new_low", "period": "week"}}, "/when/period"),
        ({"when": {"kind": "new_low", "period": "PT0S"}}, "/when/period"),
        ({"for": "ten minutes"}, "/for"),
        ({"for": "-PT1S"}, "/for"),
        ({"for": "P31D"}, "/for"),
        ({"cooldown": "P366D"}, "/cooldown"),
        ({"cooldown": None}, "/cooldown"),
        ({"enabled": False}, "/enabled"),
    ],
    ids=str,
)
async def test_a_wrong_value_is_pointed_at(api: Api, changes: dict[str, Any], pointer: str) -> None:
    answer = await api.http.post("/alerts", json=BODY | changes)
    assert pointers(problem_of(answer, 422, "validation-error")) == [pointer]
    assert (await api.http.get("/alerts")).json() == {"items": []}


async def test_there_are_only_so_many_alerts_for_all_products(api: Api) -> None:
    for _ in range(MOST_FOR_ALL):
        await create(api)
    problem_of(await api.http.post("/alerts", json=BODY), 422, "validation-error")
    id = await api.create_observed((1000, MINUTE))
    await create(api, product_ids=[str(id)])


async def test_there_is_no_other_alert(api: Api) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        answer = await api.http.request(method, f"/alerts/{MISSING}", json={} if method == "PATCH" else None)
        problem = problem_of(answer, 404, "not-found")
        assert problem["detail"] == f"There is no alert with the id {MISSING}."


async def test_fault_49_a_gap_freezes_what_is_pending(api: Api) -> None:
    id = await api.create_observed((899, MINUTE), interval=MINUTE)
    await create(api, **{"for": "PT10M"})
    await api.outside.observe_prices(id, (899, HOUR), (899, 7 * MINUTE), interval=MINUTE)
    assert told(api) == []
    await api.outside.observe_prices(id, (899, DAY), interval=DAY)
    assert told(api) == []
