"""The pages for API keys and for the audit log."""

import html
import re
from datetime import timedelta

import httpx
import pytest

from api_client.api import MISSING, PASSWORD, USERNAME, Api
from application.access.key_text import is_well_formed
from fakes.storage import NOON
from web.forms import form_of, send

FIELDS = {"name": "Nightly <import>", "catalogue:write": "yes", "audit:read": "yes"}


async def test_a_key_is_created_and_its_text_shown_once(api: Api, admin: httpx.AsyncClient) -> None:
    answer = await send(admin, "/admin/keys", **FIELDS, expires="2026-04-01")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    (text,) = re.findall(r"pak_\w{58}", answer.text)
    assert is_well_formed(text)
    listed = (await admin.get("/admin/keys")).text
    assert text not in listed
    assert text[:12] in listed
    assert "Nightly &lt;import&gt;" in listed
    ((key, _),) = api.outside.storage.rows.keys.values()
    assert key.scopes == ("audit:read", "catalogue:write")
    assert (key.expires_at or NOON) - NOON == timedelta(days=17, hours=12)
    assert [record.actor.name for record in api.outside.storage.rows.audit] == ["admin", "admin"]


@pytest.mark.parametrize(
    ("changes", "field", "mistake"),
    [
        ({"name": " "}, "name", "The name must not be blank."),
        ({"catalogue:write": "", "audit:read": ""}, "scopes", "A key needs at least one scope."),
        ({"expires": "2026-03-14"}, "expires", "The expiry must be in the future"),
        ({"expires": "soon"}, "expires", "This must be a day"),
    ],
)
async def test_a_mistake_is_shown_beside_its_field_and_nothing_typed_is_lost(
    api: Api, admin: httpx.AsyncClient, changes: dict[str, str], field: str, mistake: str
) -> None:
    fields = FIELDS | changes
    answer = await send(admin, "/admin/keys", **fields)
    assert answer.status_code == 422
    assert re.search(rf'id="{field}-mistake">{mistake}', answer.text)
    assert f'href="#{field}"' in answer.text
    assert f'value="{html.escape(fields["name"])}"' in answer.text
    assert answer.text.count(" checked") == sum(fields[scope] == "yes" for scope in ("catalogue:write", "audit:read"))
    assert api.outside.storage.rows.keys == {}


async def test_a_key_that_was_being_made_when_the_session_ended_stands_there_again(
    api: Api, admin: httpx.AsyncClient
) -> None:
    form = form_of((await admin.get("/admin/keys")).text) | {"expires": "2026-04-01", "audit:read": "yes", "name": ""}
    admin.cookies.clear()
    asked = await admin.post("/admin/keys", data=form)
    assert asked.status_code == 401
    wrong = await admin.post("/admin/login", data=form_of(asked.text) | {"username": USERNAME, "password": "no"})
    answer = await admin.post("/admin/login", data=form_of(wrong.text) | {"username": USERNAME, "password": PASSWORD})
    assert answer.status_code == 200
    assert "You are logged in again. No key is created yet" in answer.text
    assert re.search(r'action="/admin/keys" class="fields" data-renews data-restored', answer.text)
    assert 'value="2026-04-01"' in answer.text
    assert re.findall(r'name="([a-z:]+)" value="yes" checked', answer.text) == ["audit:read"]
    assert api.outside.storage.rows.keys == {}


async def test_a_revocation_that_comes_after_the_session_asks_again(api: Api, admin: httpx.AsyncClient) -> None:
    await send(admin, "/admin/keys", **FIELDS)
    (id,) = api.outside.storage.rows.keys
    path = f"/admin/keys/{id}/revoke"
    form = form_of((await admin.get(path)).text)
    admin.cookies.clear()
    assert (await admin.post(path, data=form)).headers["Location"] == f"/admin/login?next={path}&ended=1"


async def test_a_key_is_revoked_after_a_question(api: Api, admin: httpx.AsyncClient) -> None:
    await send(admin, "/admin/keys", **FIELDS)
    (id,) = api.outside.storage.rows.keys
    question = await admin.get(f"/admin/keys/{id}/revoke")
    assert "Revoke this key" in question.text
    assert api.outside.storage.rows.keys[id][0].revoked_at is None
    answer = await admin.post(f"/admin/keys/{id}/revoke", data=form_of(question.text))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/keys?done=revoked")
    shown = (await admin.get("/admin/keys?done=revoked")).text
    assert "The key is revoked." in shown
    assert f"/admin/keys/{id}/revoke" not in shown
    assert (await admin.get(f"/admin/keys/{MISSING}/revoke")).status_code == 404
    assert (await admin.post(f"/admin/keys/{MISSING}/revoke", data=form_of(question.text))).status_code == 404


async def test_forms_without_their_token_change_nothing(api: Api, admin: httpx.AsyncClient) -> None:
    await send(admin, "/admin/keys", **FIELDS)
    (id,) = api.outside.storage.rows.keys
    for path in ("/admin/keys", f"/admin/keys/{id}/revoke"):
        assert (await admin.post(path, data=FIELDS)).status_code == 403
    ((key, _),) = api.outside.storage.rows.keys.values()
    assert key.revoked_at is None


async def test_the_audit_log_shows_before_and_after_side_by_side(api: Api, admin: httpx.AsyncClient) -> None:
    product = (await api.create("<b>Lamp</b>"))["id"]
    await api.http.patch(f"/products/{product}", json={"name": "Torch"})
    page = (await admin.get("/admin/audit?action=product.amended")).text
    (row,) = re.findall(r"<tr>\s*<td>.*?</tr>", page, re.DOTALL)
    cells = [re.sub(r"<[^>]+>|\s+", " ", cell).split() for cell in re.findall(r"<td>(.*?)</td>", row, re.DOTALL)]
    assert cells[3] == ["name", "&lt;b&gt;Lamp&lt;/b&gt;"]
    assert cells[4] == ["name", "Torch"]
    assert f'href="/catalogue/{product}"' in row


async def test_the_audit_log_is_filtered_and_paged(api: Api, admin: httpx.AsyncClient) -> None:
    for number in range(60):
        await api.create(f"Kettle {number}")
    first = (await admin.get("/admin/audit?action=product.created")).text
    assert first.count("product.created <a") == 50
    (older,) = re.findall(r'href="(/admin/audit\?[^"]*after=[^"]*)"', first)
    second = (await admin.get(html.unescape(older))).text
    assert second.count("product.created <a") == 10
    assert "Older records" not in second
    for query, shown in (
        ("actor=nobody", 0),
        ("actor=admin&action=admin.logged_in", 1),
        ("from=2026-03-15", 0),
        ("to=2026-03-13", 0),
        ("from=2026-03-14&to=2026-03-14&action=admin.logged_in", 1),
    ):
        page = (await admin.get(f"/admin/audit?{query}")).text
        assert len(re.findall(r"<tr>\s*<td>", page)) == shown, query


async def test_a_day_that_cannot_be_read_is_named(admin: httpx.AsyncClient) -> None:
    answer = await admin.get("/admin/audit?from=yesterday&to=9999-12-31")
    assert answer.status_code == 422
    assert answer.text.count("This must be a day") == 2
    assert 'value="yesterday"' in answer.text


async def test_the_admin_page_leads_to_both(admin: httpx.AsyncClient) -> None:
    page = (await admin.get("/admin")).text
    assert 'href="/admin/keys"' in page
    assert 'href="/admin/audit"' in page
