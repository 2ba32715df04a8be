"""The pages for alerts: tried on a chart before they are saved, listed with what they did, changed and deleted."""

import html
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from api_client.api import DAY, MISSING, PASSWORD, USERNAME, Api
from domain.alerts.condition import ConditionKind, PriceThreshold
from entrypoints.web.charts.chart import BOTTOM, TOP
from web.forms import form_of, logged_in, send

HOUR = timedelta(hours=1)
BELOW = {"name": "Cheap <kettle>", "kind": "price_below", "price": "900", "cooldown": "1", "cooldown_unit": "days"}
PRICES = ((1000, DAY), (899, HOUR), (901, HOUR), (898, DAY), (950, 4 * DAY), (890, DAY))


def words_of(page: str) -> str:
    """Return the text of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def observed(
    api: Api, admin: httpx.AsyncClient, *prices: tuple[int | None, timedelta], name: str = "Kettle"
) -> UUID:
    """Create a product with these prices, or the usual ones; log in after the time that they take."""
    id = await api.create_observed(*prices or PRICES, name=name)
    await logged_in(admin)
    return id


async def observe(api: Api, admin: httpx.AsyncClient, id: UUID, *prices: tuple[int | None, timedelta]) -> None:
    """Observe a product at these prices; log in after the time that they take."""
    await api.outside.observe_prices(id, *prices)
    await logged_in(admin)


def new(product_id: object) -> str:
    return f"/admin/products/{product_id}/alerts/new"


async def made(api: Api, admin: httpx.AsyncClient, product_id: object, **fields: str) -> str:
    """Make an alert on the page, and return its path."""
    answer = await send(admin, new(product_id), **BELOW | fields)
    assert answer.status_code == 303, words_of(answer.text)
    return str(answer.headers["Location"]).partition("?")[0]


async def test_an_alert_is_tried_on_the_chart_before_it_is_saved(api: Api, admin: httpx.AsyncClient) -> None:
    id = await observed(api, admin)
    answer = await send(admin, new(id), **BELOW, do="try")
    assert answer.status_code == 200
    body = {"product_id": str(id), "when": {"kind": "price_below", "price": 900}, "cooldown": "P1D"}
    found = (await api.http.post("/alerts/simulate", json=body)).json()
    assert [each["suppressed"] for each in found["firings"]] == [False, True, False]
    text = words_of(answer.text)
    assert "It would have fired 2 times in 30 days, and once more in silence, during its cooldown." in text
    assert f"That is {found['per_week']:g} a week." in text
    assert f"The price is known for {found['coverage']:.0%}".replace("%", " %") in text
    assert f"For {found['unknown_share']:.0%}".replace("%", " %") + " of the tried time it is unknown" in text
    rows = re.findall(
        r"<tr><td>(.*?)</td><td>(.*?)</td><td class=\"number\">(.*?)</td><td>(.*?)</td></tr>", answer.text
    )
    assert [(value, told) for _, _, value, told in rows] == [("890", "told"), ("898", "suppressed"), ("899", "told")]
    assert rows[0][1] == "\N{EN DASH}"
    svg = answer.text[answer.text.index('<svg class="tried"') : answer.text.index("</figure>")]
    marks = dict(re.findall(r'<g class="episodes (\w+)">.*?<path class="marks" d="([^"]*)"', svg))
    assert {kind: path.count("M") for kind, path in marks.items()} == {"told": 2, "suppressed": 1}
    assert re.search(r'class="threshold" d="M84 [\d.]+H944"', svg)
    far = await send(admin, new(id), **BELOW | {"price": "100"}, do="try")
    (y,) = re.findall(r'class="threshold" d="M84 ([\d.]+)H944"', far.text)
    assert TOP < float(y) < BOTTOM
    # What was typed stands there still, and nothing is saved.
    assert f'value="{html.escape(BELOW["name"])}"' in answer.text
    assert api.outside.storage.rows.alerts.alerts == {}


async def test_an_alert_is_made_from_a_product_and_audited(api: Api, admin: httpx.AsyncClient) -> None:
    id = await observed(api, admin)
    assert f'href="{new(id)}"' in (await admin.get(f"/catalogue/{id}")).text
    path = await made(api, admin, id, hold="10", hold_unit="minutes", resolve="1,000")
    (alert,) = api.outside.storage.rows.alerts.alerts.values()
    assert path == f"/admin/alerts/{alert.id}"
    assert (alert.name, alert.product_ids, alert.rule.hold, alert.rule.cooldown) == (
        BELOW["name"],
        (id,),
        timedelta(minutes=10),
        DAY,
    )
    assert alert.rule.when == PriceThreshold(ConditionKind.PRICE_BELOW, 900, 1000)
    last = api.outside.storage.rows.audit[-1]
    assert (last.actor.name, last.action) == (USERNAME, "alert.created")
    text = words_of((await admin.get(f"{path}?done=created")).text)
    assert "The alert is made." in text
    assert "When the price is below 900, until it is above 1,000, for 10 min without a break." in text
    assert "Then it is silent for 1 day." in text


async def test_an_alert_may_be_for_all_products(api: Api, admin: httpx.AsyncClient) -> None:
    await made(api, admin, await observed(api, admin), scope="all")
    (alert,) = api.outside.storage.rows.alerts.alerts.values()
    assert alert.product_ids is None


async def test_only_admins_are_led_to_alerts(api: Api, browser: httpx.AsyncClient) -> None:
    page = (await browser.get(f"/catalogue/{await api.create_observed(*PRICES)}")).text
    assert "/alerts" not in page


@pytest.mark.parametrize(
    ("fields", "words", "stored"),
    [
        ({"kind": "price_above", "price": "950"}, "the price is above 950", {"kind": "price_above", "price": 950}),
        ({"kind": "drop", "percent": "2.5"}, "has fallen by 2.5 % or more within 7 days", {"kind": "drop"}),
        ({"kind": "rise", "percent": "10"}, "has risen by 10 % or more within 7 days", {"kind": "rise"}),
        ({"kind": "new_low", "period": "36", "period_unit": "hours"}, "lower than all of the 1 day 12 h before", {}),
        ({"kind": "new_high"}, "a new price is higher than all of the 7 days before it", {}),
        ({"kind": "out_of_stock"}, "nobody has it in stock", {}),
        ({"kind": "in_stock"}, "somebody has it in stock", {}),
    ],
)
async def test_every_kind_is_tried_made_and_edited(
    api: Api, admin: httpx.AsyncClient, fields: dict[str, str], words: str, stored: dict[str, Any]
) -> None:
    id = await observed(api, admin)
    tried = await send(admin, new(id), **BELOW | fields, do="try")
    assert (tried.status_code, "It would " in tried.text) == (200, True), words_of(tried.text)
    path = await made(api, admin, id, **fields)
    assert words in words_of((await admin.get(path)).text)
    listed = (await api.http.get("/alerts")).json()["items"][0]["when"]
    assert listed | stored == listed
    # The form is filled in as the alert is: saved untouched it stays the same.
    page = (await admin.get(f"{path}/edit")).text
    answer = await admin.post(f"{path}/edit", data=filled_in(page))
    assert answer.headers["Location"] == f"{path}?done=saved"
    assert (await api.http.get("/alerts")).json()["items"][0]["when"] == listed


def filled_in(page: str) -> dict[str, str]:
    """Return the fields of the form as a browser would send them."""
    main = page[page.index("<main") : page.index("</main>")]
    fields = {
        name: html.unescape(value) for name, value in re.findall(r'<input[^>]* name="(\w+)" value="([^"]*)"', main)
    }
    for name, options in re.findall(r'<select[^>]* name="(\w+)"[^>]*>(.*?)</select>', main, re.DOTALL):
        chosen = re.findall(r'<option(?: value="([^"]*)")? selected>([^<]*)', options)
        fields[name] = chosen[0][0] or chosen[0][1]
    return fields


@pytest.mark.parametrize(
    ("fields", "field", "mistake"),
    [
        ({"price": ""}, "price", "Type a price as a whole number"),
        ({"price": "", "do": "try"}, "price", "Type a price as a whole number"),
        ({"price": "40.000"}, "price", "Type a price as a whole number"),
        ({"price": "-1"}, "price", "Type a price as a whole number"),
        ({"price": str(2**53)}, "price", "Type a price as a whole number"),
        ({"resolve": "899"}, "resolve", "This must not be below the threshold."),
        ({"kind": "price_above", "resolve": "901"}, "resolve", "This must not be above the threshold."),
        ({"resolve": "x"}, "resolve", "Type a price as a whole number"),
        ({"kind": "drop", "percent": "0"}, "percent", "Type a number above 0"),
        ({"kind": "rise", "percent": "NaN"}, "percent", "Type a number above 0"),
        ({"kind": "drop", "percent": "1.234"}, "percent", "Type a number above 0"),
        ({"kind": "new_low", "period": "0"}, "period", "Type a number above 0, as 7; 30 days at most."),
        ({"kind": "new_low", "period": "31"}, "period", "This is too long; 30 days at most."),
        ({"kind": "everything"}, "kind", "Choose one of these."),
        ({"hold": "1,5"}, "hold", "Type a number, as 10; 30 days at most."),
        ({"hold_unit": "moons"}, "hold", "Type a number, as 10; 30 days at most."),
        ({"cooldown": "9" * 40}, "cooldown", "Type a number, as 10; 365 days at most."),
        ({"cooldown": "366"}, "cooldown", "This is too long; 365 days at most."),
    ],
)
async def test_a_mistake_is_shown_beside_its_field_and_nothing_typed_is_lost(
    api: Api, admin: httpx.AsyncClient, fields: dict[str, str], field: str, mistake: str
) -> None:
    answer = await send(admin, new(await observed(api, admin)), **BELOW | fields)
    assert answer.status_code == 422
    assert re.search(rf'id="{field}-mistake">{mistake}', answer.text), words_of(answer.text)
    assert f'href="#{field}"' in answer.text
    assert re.search(rf'id="{field}"[^>]* aria-invalid="true"[^>]* autofocus', answer.text)
    assert f'value="{html.escape(BELOW["name"])}"' in answer.text
    assert api.outside.storage.rows.alerts.alerts == {}


async def test_a_name_is_needed_to_save_and_not_to_try(api: Api, admin: httpx.AsyncClient) -> None:
    id = await observed(api, admin)
    assert (await send(admin, new(id), **BELOW | {"name": ""}, do="try")).status_code == 200
    for path in (new(id), f"{await made(api, admin, id)}/edit"):
        # All mistakes are told at once.
        answer = await send(admin, path, **BELOW | {"name": " ", "price": ""})
        assert answer.status_code == 422
        assert re.findall(r'id="(\w+)-mistake"', answer.text) == ["name", "price"]


async def test_numbers_are_typed_as_the_viewer_writes_them(api: Api, admin: httpx.AsyncClient) -> None:
    id = await observed(api, admin)
    for language, typed in (
        ("de", "1.234.567"),
        ("fr", "1 234 567"),
        ("en", "1,234,567"),
        ("cs", "1\u00a0234\u00a0567"),
    ):
        admin.headers["Accept-Language"] = language
        await made(api, admin, id, price=typed)
    prices = {each["when"]["price"] for each in (await api.http.get("/alerts")).json()["items"]}
    assert prices == {1_234_567}


@pytest.mark.parametrize("kind", ["price_below", "price_above"])
async def test_a_threshold_is_suggested_for_so_many_firings_a_week(
    api: Api, admin: httpx.AsyncClient, kind: str
) -> None:
    prices = [1000, 940, 1000, 890, 1000, 940, 890, 1000, 900, 1000]
    id = await observed(api, admin, *((price, 12 * HOUR) for price in prices))
    fields = BELOW | {"kind": kind, "price": "5", "cooldown": "0", "days": "7", "per_week": "3"}
    answer = await send(admin, new(id), **fields, do="suggest")
    assert answer.status_code == 200
    text = words_of(answer.text)
    price = re.search(r'id="price" name="price" value="(\d+)"', answer.text)
    assert price
    assert f"With a threshold of {int(price[1]):,} alone it would have fired 3 times a week" in text
    assert "It would have fired 3 times in 7 days." in text
    body = {"product_id": str(id), "when": {"kind": kind, "price": int(price[1])}}
    found = (await api.http.post("/alerts/simulate", json=body)).json()["firings"]
    # Those of the week before now.
    assert len(found) == 3
    if kind == "price_below":
        asked: dict[str, Any] = {"product_id": str(id), "kind": kind, "per_week": 3, "period": "P7D"}
        assert str((await api.http.post("/alerts/suggest", json=asked)).json()["threshold"]) == price[1]


async def test_nothing_is_suggested_where_nothing_can_be(api: Api, admin: httpx.AsyncClient) -> None:
    id = (await api.create())["id"]
    answer = await send(admin, new(id), **BELOW, do="suggest")
    assert "No threshold can be suggested" in words_of(answer.text)
    assert 'name="price" value="900"' in answer.text
    for fields, field in (
        ({"kind": "in_stock"}, "kind"),
        ({"per_week": "0"}, "per_week"),
        ({"per_week": "x"}, "per_week"),
    ):
        answer = await send(admin, new(id), **BELOW | fields, do="suggest")
        assert (answer.status_code, f'id="{field}-mistake"' in answer.text) == (422, True), field


async def test_less_is_tried_than_was_asked_for_and_the_page_says_so(api: Api, admin: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, 40 * DAY), (800, DAY), interval=60 * DAY)
    await logged_in(admin)
    answer = await send(admin, new(id), **BELOW | {"kind": "drop", "period": "20"}, do="try")
    assert re.search(r"Only the time from .* was tried", words_of(answer.text))


async def test_what_fired_is_shown_with_its_products(api: Api, admin: httpx.AsyncClient) -> None:
    id = UUID((await api.create("Kettle"))["id"])
    path = await made(api, admin, id)
    await observe(api, admin, id, *PRICES)
    for shown in ("/admin/alerts", path):
        page = (await admin.get(shown)).text
        what = re.findall(r"<td>((?:fired|resolved)[^<]*)</td>\s*<td class=\"number\">([^<]*)<", page)
        assert what == [
            ("fired", "890"),
            ("resolved (suppressed)", "950"),
            ("fired (suppressed)", "898"),
            ("resolved", "901"),
            ("fired", "899"),
        ]
        assert f'href="/catalogue/{id}"' in page
    assert "For one product: fires for 1 product." in words_of((await admin.get("/admin/alerts")).text)
    assert "fires: the condition is met since" in words_of((await admin.get(path)).text)
    part = (await admin.get(f"/admin/products/{id}/alerts")).text
    assert f'href="{path}"' in part
    assert "fires: the condition is met since" in words_of(part)
    assert f'hx-get="/admin/products/{id}/alerts"' in (await admin.get(f"/catalogue/{id}")).text


async def test_an_alert_is_disabled_enabled_and_deleted_after_a_question(api: Api, admin: httpx.AsyncClient) -> None:
    id = await observed(api, admin)
    path = await made(api, admin, id)
    await observe(api, admin, id, (800, HOUR))
    for enabled, done in (("no", "disabled"), ("yes", "enabled")):
        answer = await send(admin, path, enabled=enabled)
        assert answer.headers["Location"] == f"{path}?done={done}"
        (alert,) = api.outside.storage.rows.alerts.alerts.values()
        assert alert.enabled is (enabled == "yes")
    assert "resolved: the alert was disabled" in (await admin.get(path)).text
    question = await admin.get(f"{path}/delete")
    assert "Delete this alert" in question.text
    answer = await admin.post(f"{path}/delete", data=form_of(question.text))
    assert answer.headers["Location"] == "/admin/alerts?done=deleted"
    page = words_of((await admin.get("/admin/alerts?done=deleted")).text)
    assert "The alert is deleted" in page
    assert "There is no alert yet." in page
    actions = [record.action for record in api.outside.storage.rows.audit[-3:]]
    assert actions == ["alert.amended", "alert.amended", "alert.deleted"]
    # What it did stays in the log, and its product may go, too.
    await api.http.delete(f"/products/{id}")
    row = re.findall(r"<tr>\s*<td>.*?</tr>", (await admin.get("/admin/alerts")).text, re.DOTALL)[-1]
    assert words_of(row).count("deleted") == 2


async def test_an_edit_does_not_undo_another_one_unseen(api: Api, admin: httpx.AsyncClient) -> None:
    path = await made(api, admin, await observed(api, admin))
    form = filled_in((await admin.get(f"{path}/edit")).text) | {"price": "700"}
    await api.http.patch(path.removeprefix("/admin"), json={"when": {"kind": "price_below", "price": 800}})
    answer = await admin.post(f"{path}/edit", data=form)
    assert (answer.status_code, "The alert was edited meanwhile" in answer.text) == (422, True)
    answer = await admin.post(f"{path}/edit", data=form | filled_in(answer.text))
    assert answer.status_code == 303
    (alert,) = api.outside.storage.rows.alerts.alerts.values()
    assert alert.rule.when == PriceThreshold(ConditionKind.PRICE_BELOW, 700)


async def test_lengths_that_the_form_has_no_unit_for_stay_as_they_are(api: Api, admin: httpx.AsyncClient) -> None:
    path = await made(api, admin, await observed(api, admin))
    for lengths in ({"for": "PT1.5S", "cooldown": "P1DT1S"}, {"for": "PT0.000001S", "cooldown": "PT1H30M"}):
        await api.http.patch(path.removeprefix("/admin"), json=lengths)
        answer = await admin.post(f"{path}/edit", data=filled_in((await admin.get(f"{path}/edit")).text))
        assert answer.status_code == 303
        (alert,) = (await api.http.get("/alerts")).json()["items"]
        assert alert | lengths == alert


async def test_an_edited_alert_is_tried_over_a_product_that_it_is_about(api: Api, admin: httpx.AsyncClient) -> None:
    id, other = await observed(api, admin), await observed(api, admin, (1, DAY), name="Another")
    path = await made(api, admin, id, scope="all")
    assert "There is no product yet to try it over" in (await admin.get(f"{path}/edit")).text
    await observe(api, admin, other, (2, HOUR))
    answer = await send(admin, f"{path}/edit", **BELOW, do="try")
    assert "Over the prices of Another" in words_of(answer.text)
    # Another product than its own is none to try it over.
    page = await send(admin, f"{path}/edit", **BELOW, product=str(id), do="try")
    assert "Over the prices of Another" in words_of(page.text)


async def test_a_form_that_was_filled_in_when_the_session_ended_stands_there_again(
    api: Api, admin: httpx.AsyncClient
) -> None:
    id = await observed(api, admin)
    path = await made(api, admin, id)
    for asked in (new(id), f"{path}/edit"):
        form = form_of((await admin.get(asked)).text) | BELOW | {"price": "123", "do": "try"}
        admin.cookies.clear()
        login = await admin.post(asked, data=form)
        assert login.status_code == 401
        fields = form_of(login.text) | {"username": USERNAME, "password": PASSWORD}
        answer = await admin.post("/admin/login", data=fields)
        assert answer.status_code == 200
        assert "Nothing is saved yet" in answer.text
        assert 'name="price" value="123"' in answer.text
        assert f'action="{asked}"' in answer.text


async def test_what_is_not_there_is_not_found(api: Api, admin: httpx.AsyncClient) -> None:
    form = form_of((await admin.get("/admin/keys")).text)
    paths = (new(MISSING), f"/admin/alerts/{MISSING}/edit", f"/admin/alerts/{MISSING}/delete")
    for path in (*paths, f"/admin/alerts/{MISSING}", f"/admin/products/{MISSING}/alerts"):
        assert (await admin.get(path)).status_code == 404, path
    for path in (*paths, f"/admin/alerts/{MISSING}"):
        assert (await admin.post(path, data=form | BELOW)).status_code == 404, path


async def test_forms_without_their_token_change_nothing(api: Api, admin: httpx.AsyncClient) -> None:
    id = await observed(api, admin)
    path = await made(api, admin, id)
    before = dict(api.outside.storage.rows.alerts.alerts)
    for asked in (new(id), path, f"{path}/edit", f"{path}/delete"):
        assert (await admin.post(asked, data=BELOW)).status_code == 403
    assert api.outside.storage.rows.alerts.alerts == before


async def test_one_alert_too_many_is_told_on_the_form(api: Api, admin: httpx.AsyncClient) -> None:
    id = await observed(api, admin)
    path = await made(api, admin, id, scope="all")
    (alert,) = api.outside.storage.rows.alerts.alerts.values()
    others = {UUID(int=number): alert for number in range(19)}
    api.outside.storage.rows.alerts.alerts.update(others)
    answer = await send(admin, new(id), **BELOW, scope="all")
    assert (answer.status_code, "delete one first" in answer.text) == (422, True)
    assert path


async def test_alerts_and_what_fired_are_paged(api: Api, admin: httpx.AsyncClient) -> None:
    id = await observed(api, admin)
    for number in range(27):
        await made(api, admin, id, name=f"Alert {number}")
    await observe(api, admin, id, (800, HOUR), (1000, HOUR))
    first = (await admin.get("/admin/alerts")).text
    assert len(re.findall(r"<h2><a", first)) == 25
    assert len(re.findall(r"<td>(?:fired|resolved)", first)) == 50
    assert "/admin/alerts?page=2" in first
    second = (await admin.get("/admin/alerts?page=2")).text
    assert len(re.findall(r"<h2><a", second)) == 2
    (older,) = re.findall(r'href="(/admin/alerts\?[^"]*before=[^"]*)"', first)
    assert len(re.findall(r"<td>(?:fired|resolved)", (await admin.get(html.unescape(older))).text)) == 4
    for odd in ("page=x", f"page={10**17}", "page=-1", f"before={10**30}", "before=0"):
        assert (await admin.get(f"/admin/alerts?{odd}")).status_code == 200, odd
    assert "Only the newest 25 are shown." in (await admin.get(f"/admin/products/{id}/alerts")).text


async def test_the_admin_page_leads_to_the_alerts(admin: httpx.AsyncClient) -> None:
    assert 'href="/admin/alerts"' in (await admin.get("/admin")).text
