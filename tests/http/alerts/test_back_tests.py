"""Back-tests over HTTP: the firings of a rule, and the threshold for a number of firings."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api_client.api import DAY, HOUR, MISSING, Api, pointers, problem_of, shown
from fakes.storage import NOON

MINUTE = timedelta(minutes=1)
RULE = {"for": "PT10M", "cooldown": "PT6H"}
BELOW: dict[str, Any] = {"kind": "price_below", "price": 900}


async def simulate(api: Api, product_id: object, **changes: Any) -> dict[str, Any]:
    answer = await api.http.post("/alerts/simulate", json={"product_id": str(product_id), "when": BELOW} | changes)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store"), answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_rule_is_tried_over_the_recorded_prices(api: Api) -> None:
    id = await api.create_observed((1000, DAY), (899, HOUR), (901, HOUR), (898, DAY), (950, 4 * DAY), (890, DAY))
    found = await simulate(api, id, cooldown="P1D", **{"from": shown(NOON), "to": shown(NOON + 7 * DAY)})
    assert found == {
        "from": shown(NOON),
        "to": shown(NOON + 7 * DAY),
        "firings": [
            {
                "at": shown(NOON + DAY),
                "resolved_at": shown(NOON + DAY + HOUR),
                "value": 899,
                "suppressed": False,
            },
            {
                "at": shown(NOON + DAY + 2 * HOUR),
                "resolved_at": shown(NOON + 2 * DAY + 2 * HOUR),
                "value": 898,
                "suppressed": True,
            },
            {"at": shown(NOON + 6 * DAY + 2 * HOUR), "resolved_at": None, "value": 890, "suppressed": False},
        ],
        "per_week": 2.0,
        "coverage": found["coverage"],
        "unknown_share": found["unknown_share"],
        "truncated": False,
    }
    assert found["coverage"] + found["unknown_share"] == pytest.approx(1)
    # Nothing is stored, and there is no event.
    assert (await api.http.get("/alerts")).json() == {"items": []}


async def test_the_last_thirty_days_are_tried_by_default_and_unknown_time_is_told(api: Api) -> None:
    id = await api.create_observed((899, 15 * DAY), interval=DAY)
    found = await simulate(api, id)
    end = NOON + 15 * DAY
    assert (found["from"], found["to"]) == (shown(end - 30 * DAY), shown(end))
    assert [each["at"] for each in found["firings"]] == [shown(NOON)]
    assert (found["coverage"], found["unknown_share"], found["truncated"]) == (0.1, 0.9, False)


async def test_less_is_simulated_where_steps_are_no_longer_kept(api: Api) -> None:
    id = await api.create_observed((1000, 40 * DAY), (899, DAY), interval=60 * DAY)
    now = NOON + 41 * DAY
    kept = now.replace(hour=0) - 35 * DAY
    found = await simulate(api, id, **{"from": shown(now - 40 * DAY), "to": shown(now - 30 * DAY)})
    assert (found["from"], found["truncated"], found["firings"]) == (shown(kept), True, [])
    assert (found["coverage"], found["unknown_share"]) == (0.55, 0.0)
    drop = {"kind": "drop", "percent": 10, "period": "P30D"}
    found = await simulate(api, id, when=drop, **{"from": shown(now - 20 * DAY)})
    assert (found["from"], found["truncated"]) == (shown(kept + 30 * DAY), True)
    assert [(each["at"], each["value"]) for each in found["firings"]] == [(shown(now - DAY), -10.1)]
    nothing = await simulate(api, id, when=drop, **{"from": shown(now - 20 * DAY), "to": shown(now - 15 * DAY)})
    assert (nothing["firings"], nothing["per_week"], nothing["coverage"]) == ([], None, 0.0)


async def test_a_threshold_is_suggested(api: Api) -> None:
    prices = [1000, 940, 1000, 890, 1000, 940, 890, 1000, 900, 1000]
    id = await api.create_observed(*((price, 12 * HOUR) for price in prices))
    body = {"product_id": str(id), "kind": "price_below", "per_week": 3, "period": "P7D"}
    answer = await api.http.post("/alerts/suggest", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["threshold"], found["when"]) == (
        901,
        {"kind": "price_below", "price": 901, "resolve_above": None},
    )
    assert (len(found["firings"]), found["per_week"]) == (3, 3.0)
    found.pop("threshold")
    assert found == await simulate(api, id, when=found.pop("when"), **{"from": found["from"], "to": found["to"]})


async def test_nothing_is_suggested_without_a_price(api: Api) -> None:
    product = await api.create()
    body = {"product_id": product["id"], "kind": "price_below", "per_week": 2}
    found = (await api.http.post("/alerts/suggest", json=body)).json()
    assert (found["threshold"], found["when"], found["firings"], found["coverage"]) == (None, None, [], 0.0)


async def test_the_example_of_the_manual_is_true(api: Api) -> None:
    monday = datetime(2026, 11, 16, tzinfo=UTC)
    api.outside.clock.now = monday - DAY
    id = await api.create_observed(
        (42_000, DAY + 9 * HOUR), (39_900, HOUR), (42_000, HOUR / 2), (39_800, 21.5 * HOUR), interval=DAY
    )
    # Two hours on Friday are longer than three intervals of these observations.
    await api.outside.observe_prices(id, (42_000, HOUR), interval=25 * HOUR)
    await api.outside.observe_prices(id, (42_000, 80 * HOUR), interval=26 * HOUR)
    await api.outside.observe_prices(id, (42_000, 55 * HOUR), interval=DAY)
    window = {"from": shown(monday), "to": shown(monday + 7 * DAY)}
    found = await simulate(api, id, when={"kind": "price_below", "price": 40_000}, **window, **RULE)
    assert found == window | {
        "firings": [
            {
                "at": shown(monday + 9 * HOUR + 10 * MINUTE),
                "resolved_at": shown(monday + 10 * HOUR),
                "value": 39_900,
                "suppressed": False,
            },
            {
                "at": shown(monday + 10 * HOUR + 40 * MINUTE),
                "resolved_at": shown(monday + DAY + 8 * HOUR),
                "value": 39_800,
                "suppressed": True,
            },
        ],
        "per_week": 1.0,
        "coverage": 0.9881,
        "unknown_share": 0.0119,
        "truncated": False,
    }


@pytest.mark.parametrize("path", ["simulate", "suggest"])
async def test_there_is_no_other_product(api: Api, path: str) -> None:
    body: dict[str, Any] = {"product_id": str(MISSING)}
    body |= {"when": BELOW} if path == "simulate" else {"kind": "price_below", "per_week": 2}
    problem_of(await api.http.post(f"/alerts/{path}", json=body), 404, "product-not-found")


@pytest.mark.parametrize(
    ("path", "changes", "status", "slug", "pointer"),
    [
        ("simulate", {"from": "yesterday"}, 422, "validation-error", ["/from"]),
        ("simulate", {"from": "2026-03-20T00:00:00"}, 422, "validation-error", ["/from"]),
        ("simulate", {"from": "2999-01-01T00:00:00Z"}, 422, "validation-error", ["/from"]),
        ("simulate", {"from": shown(NOON), "to": shown(NOON)}, 422, "validation-error", ["/from"]),
        ("simulate", {"to": "0001-01-02T00:00:00Z"}, 422, "validation-error", ["/to"]),
        ("simulate", {"from": "2026-01-01T00:00:00Z"}, 422, "window-too-large", None),
        ("simulate", {"for": "P40D"}, 422, "validation-error", ["/for"]),
        ("simulate", {"when": {"kind": "rise", "percent": 5, "period": "P40D"}}, 422, "validation-error", ["/when"]),
        ("suggest", {"kind": "drop"}, 422, "validation-error", ["/kind"]),
        ("suggest", {"per_week": 0}, 422, "validation-error", ["/per_week"]),
        ("suggest", {"period": "P32D"}, 422, "window-too-large", None),
        ("suggest", {"period": "P9999999D"}, 422, "validation-error", ["/period"]),
    ],
    ids=str,
)
async def test_a_wrong_value_is_pointed_at(
    api: Api, path: str, changes: dict[str, Any], status: int, slug: str, pointer: list[str] | None
) -> None:
    id = await api.create_observed((1000, MINUTE))
    body: dict[str, Any] = {"product_id": str(id)}
    body |= {"when": BELOW} if path == "simulate" else {"kind": "price_below", "per_week": 2}
    problem = problem_of(await api.http.post(f"/alerts/{path}", json=body | changes), status, slug)
    assert pointer is None or pointers(problem) == pointer


async def test_a_window_of_long_ago_has_nothing(api: Api) -> None:
    id = await api.create_observed((1000, MINUTE))
    drop = {"kind": "drop", "percent": 5, "period": "P30D"}
    window = {"from": "0001-01-01T00:00:00Z", "to": "0001-01-20T00:00:00Z"}
    found = await simulate(api, id, when=drop, **window)
    assert (found["firings"], found["coverage"], found["truncated"]) == ([], 0.0, False)
