"""The pages for webhooks: made, changed, sent to on demand, and what was sent to them."""

import html
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from api_client.api import PASSWORD, USERNAME, Api
from application.webhooks.attempts import AttemptOutcome, Delivery
from application.webhooks.webhook import MOST_WEBHOOKS, Webhook
from domain.event import EventType
from fakes.storage import NOON
from web.forms import form_of, send

NEW = "/admin/webhooks/new"
URL = "https://shop.example/hooks?a=1&b=2"
PRODUCT = "2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11"
BUTTONS = ("ping", "enable", "disable", "replay")
"""The forms on a webhook's page."""
FIELDS = {"url": URL, "description": "Shop <window>", "price.changed": "yes", "product_ids": PRODUCT}


def stored(api: Api) -> Webhook:
    (row,) = api.outside.storage.rows.webhooks.webhooks.values()
    return row.webhook


def actions(api: Api) -> list[str]:
    return [record.action.value for record in api.outside.storage.rows.audit][1:]


async def made(api: Api, admin: httpx.AsyncClient, **changes: str) -> str:
    """Create a webhook, and return the path of its page."""
    assert (await send(admin, NEW, **(FIELDS | changes))).status_code == 200
    return f"/admin/webhooks/{stored(api).id}"


async def press(admin: httpx.AsyncClient, page: str, action: str, **fields: str) -> httpx.Response:
    """Send one of the forms on a webhook's page."""
    return await admin.post(f"{page}/{action}", data=form_of((await admin.get(page)).text) | fields)


async def log(api: Api, *deliveries: Delivery) -> None:
    async with api.outside.storage.begin() as work:
        await work.webhooks.log(stored(api).id, *deliveries)
        await work.commit()


async def test_a_webhook_is_created_and_its_secret_shown_once(api: Api, admin: httpx.AsyncClient) -> None:
    answer = await send(admin, NEW, **FIELDS)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    (secret,) = re.findall(r"whsec_[\w+/=]+", answer.text)
    webhook = stored(api)
    assert (webhook.url, webhook.description) == (URL, "Shop <window>")
    assert (webhook.types, webhook.product_ids) == (frozenset({EventType.PRICE_CHANGED}), frozenset({UUID(PRODUCT)}))
    assert actions(api) == ["webhook.created"]
    for path in ("/admin/webhooks", f"/admin/webhooks/{webhook.id}", f"/admin/webhooks/{webhook.id}/edit"):
        page = (await admin.get(path)).text
        assert secret not in page
        assert html.escape(URL) in page
        assert "Shop &lt;window&gt;" in page


@pytest.mark.parametrize(
    ("changes", "field", "mistake"),
    [
        ({"url": "shop.example"}, "url", "The URL must be an absolute http or https URL."),
        ({"url": "https://shop.example:5432/"}, "url", "The URL&#39;s port belongs to another protocol"),
        ({"product_ids": f"{PRODUCT}\ndrill"}, "product_ids", "“drill” is not the id of a product."),
        ({"product_ids": " ".join(str(UUID(int=n)) for n in range(51))}, "product_ids", "At most 50 can be chosen."),
        ({"description": "a" * 4_001}, "description", ""),
    ],
)
async def test_a_mistake_is_shown_beside_its_field_and_nothing_typed_is_lost(
    api: Api, admin: httpx.AsyncClient, changes: dict[str, str], field: str, mistake: str
) -> None:
    fields = FIELDS | changes
    answer = await send(admin, NEW, **fields)
    assert answer.status_code == 422
    assert re.search(rf'id="{field}-mistake">{mistake}', answer.text)
    assert f'href="#{field}"' in answer.text
    assert f'value="{html.escape(fields["url"])}"' in answer.text
    assert html.escape(fields["product_ids"].strip()) in answer.text
    assert re.findall(r'name="([a-z.]+)" value="yes" checked', answer.text) == ["price.changed"]
    assert api.outside.storage.rows.webhooks.webhooks == {}


async def test_there_is_a_most(api: Api, admin: httpx.AsyncClient) -> None:
    for _ in range(MOST_WEBHOOKS):
        await api.http.post("/webhooks", json={"url": URL})
    answer = await send(admin, NEW, **FIELDS)
    assert answer.status_code == 422
    assert f"There are {MOST_WEBHOOKS} webhooks, which is the most" in answer.text


async def test_a_webhook_is_edited_and_all_is_chosen_again(api: Api, admin: httpx.AsyncClient) -> None:
    page = await made(api, admin)
    form = (await admin.get(f"{page}/edit")).text
    assert re.findall(r'name="([a-z.]+)" value="yes" checked', form) == ["price.changed"]
    assert PRODUCT in form
    answer = await send(admin, f"{page}/edit", url="https://shop.example/new", **{"alert.firing": "yes"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{page}?done=saved")
    webhook = stored(api)
    assert (webhook.url, webhook.description) == ("https://shop.example/new", "")
    assert (webhook.types, webhook.product_ids) == (frozenset({EventType.ALERT_FIRING}), None)
    assert (await send(admin, f"{page}/edit", url="shop.example")).status_code == 422
    await send(admin, f"{page}/edit", url=URL)
    assert stored(api).types is None
    assert actions(api) == ["webhook.created", "webhook.amended", "webhook.amended"]


@pytest.mark.parametrize("path", ["new", "edit"])
async def test_a_webhook_that_was_typed_when_the_session_ended_stands_there_again(
    api: Api, admin: httpx.AsyncClient, path: str
) -> None:
    path = NEW if path == "new" else f"{await made(api, admin, url='https://old.example/')}/edit"
    form = form_of((await admin.get(path)).text) | FIELDS
    admin.cookies.clear()
    asked = await admin.post(path, data=form)
    assert asked.status_code == 401
    answer = await admin.post("/admin/login", data=form_of(asked.text) | {"username": USERNAME, "password": PASSWORD})
    assert answer.status_code == 200
    assert "You are logged in again. Nothing is saved yet" in answer.text
    assert re.search(rf'action="{path}" class="fields" data-renews data-restored', answer.text)
    assert f'value="{html.escape(URL)}"' in answer.text
    assert re.findall(r'name="([a-z.]+)" value="yes" checked', answer.text) == ["price.changed"]
    assert PRODUCT in answer.text


async def test_a_secret_is_replaced_after_a_question(api: Api, admin: httpx.AsyncClient) -> None:
    page = await made(api, admin)
    before = stored(api).secret
    question = await admin.get(f"{page}/rotate")
    assert "For 24 hours deliveries are signed with both" in question.text
    assert stored(api).secret == before
    answer = await send(admin, f"{page}/rotate")
    assert len(re.findall(r"whsec_[\w+/=]+", answer.text)) == 1
    assert (stored(api).previous_secret, answer.headers["Cache-Control"]) == (before, "no-store")
    assert actions(api) == ["webhook.created", "webhook.secret_rotated"]
    assert "whsec_" not in (await admin.get(page)).text


async def test_a_webhook_is_disabled_and_enabled(api: Api, admin: httpx.AsyncClient) -> None:
    page = await made(api, admin)
    answer = await press(admin, page, "disable")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{page}?done=disabled")
    shown = (await admin.get(page)).text
    assert "Disabled by its owner." in shown
    assert "Disabled by its owner." in (await admin.get("/admin/webhooks")).text
    assert re.findall(r'action="[^"]*/(\w+)"', shown[shown.index("<main") : shown.index("</main>")]) == ["enable"]
    # From a page that was loaded before.
    for action in ("ping", "replay"):
        refused = await press(admin, page, action, all="yes")
        assert refused.status_code == 422
        assert "Nothing is sent while the webhook is disabled." in refused.text
    assert (await press(admin, page, "enable")).status_code == 303
    assert stored(api).enabled
    assert actions(api) == ["webhook.created", "webhook.amended", "webhook.amended"]


async def test_a_ping_waits_for_a_worker(api: Api, admin: httpx.AsyncClient) -> None:
    page = await made(api, admin)
    answer = await press(admin, page, "ping")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{page}?done=pinged")
    assert "1, the next now" in (await admin.get(page)).text
    assert actions(api) == ["webhook.created", "webhook.pinged"]


async def sent_up_to_the_end(api: Api) -> Any:
    """Let the webhook have got two events, and return their positions."""
    for name in ("Kettle", "Lamp"):
        await api.create(name)
    first, last = (event.position for event in api.outside.storage.rows.events)
    async with api.outside.storage.begin() as work:
        webhook = await work.webhooks.get(stored(api).id)
        webhook.position = last
        await work.webhooks.save(webhook)
        await work.commit()
    return first, last


async def test_events_are_sent_again_from_one_on_or_all(api: Api, admin: httpx.AsyncClient) -> None:
    page = await made(api, admin)
    first, _ = await sent_up_to_the_end(api)
    answer = await press(admin, page, "replay", after=f" {first.cursor} ")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{page}?done=replayed")
    assert stored(api).position == first
    assert (await press(admin, page, "replay", after="", all="yes")).status_code == 303
    assert stored(api).position < first
    assert actions(api)[-2:] == ["webhook.replayed", "webhook.replayed"]


@pytest.mark.parametrize(
    ("after", "mistake"),
    [("", "not the id of an event"), ("<b>", "not the id of an event"), ("fff-1-1", "are no longer kept")],
)
async def test_a_replay_from_nowhere_says_so(api: Api, admin: httpx.AsyncClient, after: str, mistake: str) -> None:
    page = await made(api, admin)
    before = stored(api).position
    answer = await press(admin, page, "replay", after=after)
    assert answer.status_code == 422
    assert re.search(rf'id="after-mistake">[^<]*{mistake}', answer.text)
    assert f'value="{html.escape(after)}"' in answer.text
    assert stored(api).position == before


async def test_deliveries_are_filtered_and_paged(api: Api, admin: httpx.AsyncClient) -> None:
    page = await made(api, admin)
    await log(
        api,
        *(
            Delivery(f"1-1-{n:x}", "price.changed", NOON + timedelta(seconds=n), 1, outcome, 200, None, "", 12, None)
            for n, outcome in enumerate([AttemptOutcome.DELIVERED] * 59 + [AttemptOutcome.FAILED])
        ),
    )

    def ids(text: str) -> list[str]:
        return re.findall(r"<code>(1-1-\w+)</code>", text)

    first = (await admin.get(page)).text
    assert (len(ids(first)), ids(first)[0]) == (50, "1-1-3b")
    (older,) = re.findall(rf'href="({page}\?[^"]*after=[^"]*)"', first)
    second = (await admin.get(html.unescape(older).partition("#")[0])).text
    assert (len(ids(second)), ids(second)[-1]) == (10, "1-1-0")
    assert "Older attempts" not in second
    assert "Newest</a>" in second
    failed = (await admin.get(f"{page}?outcome=failed")).text
    assert ids(failed) == ["1-1-3b"]
    assert "No attempt of the last seven days has this outcome." in (await admin.get(f"{page}?outcome=skipped")).text
    wrong = await admin.get(f"{page}?outcome=failed&{html.unescape(older).partition('?')[2].partition('#')[0]}")
    assert wrong.status_code == 400


async def test_an_attempt_shows_its_status_or_error_time_and_next_attempt(api: Api, admin: httpx.AsyncClient) -> None:
    page = await made(api, admin)
    later = NOON + timedelta(minutes=5)
    await log(
        api,
        Delivery("1-1-1", "price.changed", NOON, 2, AttemptOutcome.FAILED, 500, None, "<h1>Oh</h1>", 1_234, later),
        Delivery("1-1-2", "price.changed", NOON, 1, AttemptOutcome.FAILED, None, "Connection refused", "", 3, None),
    )
    shown = (await admin.get(f"{page}?tz=UTC")).text
    rows = re.findall(r"<tr>\s*<td>.*?</tr>", shown, re.DOTALL)
    texts = sorted(re.sub(r"<[^>]+>|\s+", " ", row) for row in rows)
    parts = ("Failed, 500", "&lt;h1&gt;Oh&lt;/h1&gt;", "1,234", "12:05:00")
    assert [part for part in parts if part not in texts[0]] == []
    assert "Failed: Connection refused" in " ".join(texts[1].split())


async def test_a_webhook_is_deleted_after_a_question(api: Api, admin: httpx.AsyncClient) -> None:
    page = await made(api, admin)
    question = (await admin.get(f"{page}/delete")).text
    assert "Delete the webhook to" in question
    answer = await send(admin, f"{page}/delete")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/webhooks?done=deleted")
    listed = (await admin.get("/admin/webhooks?done=deleted")).text
    assert "The webhook is deleted." in listed
    assert "There is no webhook yet." in listed
    for path in ("", "/edit", "/rotate", "/delete"):
        assert (await admin.get(page + path)).status_code == 404
    for path in ("edit", "rotate", "delete", *BUTTONS):
        form = form_of((await admin.get(NEW)).text) | {"url": URL, "all": "yes"}
        assert (await admin.post(f"{page}/{path}", data=form)).status_code == 404, path


async def test_forms_without_their_token_change_nothing(api: Api, admin: httpx.AsyncClient) -> None:
    page = await made(api, admin)
    before = str(api.outside.storage.rows.webhooks)
    for path in (NEW, *(f"{page}/{each}" for each in ("edit", "rotate", "delete", *BUTTONS))):
        assert (await admin.post(path, data=FIELDS | {"all": "yes"})).status_code == 403, path
    assert str(api.outside.storage.rows.webhooks) == before


@pytest.mark.parametrize("action", ["rotate", "delete", *BUTTONS])
async def test_a_form_that_is_sent_after_the_session_leads_back_to_its_page(
    api: Api, admin: httpx.AsyncClient, action: str
) -> None:
    page = await made(api, admin)
    form = form_of((await admin.get(page)).text)
    admin.cookies.clear()
    answer = await admin.post(f"{page}/{action}", data=form)
    onward = page if action in BUTTONS else f"{page}/{action}"
    assert answer.headers["Location"] == f"/admin/login?next={onward}&ended=1"


async def test_the_admin_page_and_the_audit_log_lead_there(api: Api, admin: httpx.AsyncClient) -> None:
    page = await made(api, admin)
    assert 'href="/admin/webhooks"' in (await admin.get("/admin")).text
    assert f'href="{page}"' in (await admin.get("/admin/audit")).text
