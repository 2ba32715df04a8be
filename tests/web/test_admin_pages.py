"""The pages for admins: sessions, forged forms, and forms that lose nothing."""

import html
import re
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from api_client.api import DAY, MISSING, PASSWORD, USERNAME, Api, Outside, serving
from api_client.routes import filled, pages
from domain.offer import ObservedOffers
from domain.product import DESCRIPTION_LENGTH, NAME_LENGTH
from web.forms import form_of, logged_in, send

MINUTE = timedelta(minutes=1)
OPEN = {"/admin/login", "/admin/logout"}


async def test_without_a_session_every_admin_page_leads_to_the_login(api: Api, browser: httpx.AsyncClient) -> None:
    routes = [(m, t) for m, t in pages(api.app) if t.startswith("/admin") and t not in OPEN and m in ("GET", "POST")]
    assert len(routes) >= 9
    for cookie in (None, "garbage"):
        if cookie:
            browser.cookies.set("session", cookie)
        for method, template in routes:
            answer = await browser.request(method, filled(template))
            assert answer.status_code == 303, template
            assert answer.headers["Location"].startswith("/admin/login?next=/admin")


async def test_a_form_without_its_token_changes_nothing(api: Api, admin: httpx.AsyncClient) -> None:
    id = (await api.create())["id"]
    for token in ({}, {"csrf": ""}, {"csrf": "0" * 64}):
        for path in (f"/admin/products/{id}/delete", f"/admin/products/{id}/edit", "/admin/products/new"):
            answer = await admin.post(path, data={"name": "Other", **token})
            assert answer.status_code == 403
            assert "This form was not accepted" in answer.text
    assert [product["name"] for product in (await api.http.get("/products")).json()["items"]] == ["Kettle"]


async def test_a_wrong_password_is_named_and_the_name_kept(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/admin/login?next=/admin/products/new", data={"username": "ann", "password": "no"})
    assert answer.status_code == 401
    assert "Name or password is wrong." in answer.text
    assert 'value="ann"' in answer.text
    assert form_of(answer.text)["next"] == "/admin/products/new"
    assert "session" not in browser.cookies


async def test_too_many_wrong_passwords_say_how_long_to_wait(browser: httpx.AsyncClient) -> None:
    for _ in range(5):
        await browser.post("/admin/login", data={"username": USERNAME, "password": "no"})
    answer = await browser.post("/admin/login", data={"username": USERNAME, "password": PASSWORD})
    assert answer.status_code == 429
    assert re.search(r"Try again in \d+ s\.", answer.text)


@pytest.mark.parametrize("onward", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere", "", "x"])
async def test_a_login_leads_to_no_other_site(browser: httpx.AsyncClient, onward: str) -> None:
    fields = {"username": USERNAME, "password": PASSWORD, "next": onward}
    assert (await browser.post("/admin/login", data=fields)).headers["Location"] == "/admin"


async def test_a_login_of_another_site_is_refused(browser: httpx.AsyncClient) -> None:
    fields = {"username": USERNAME, "password": PASSWORD}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}, {"Origin": "null"}):
        assert (await browser.post("/admin/login", data=fields, headers=headers)).status_code == 403
    same = {"Origin": "http://127.0.0.1"}
    assert (await browser.post("/admin/login", data=fields, headers=same)).status_code == 303


async def test_a_name_may_be_typed_in_another_form_of_unicode() -> None:
    async with (
        serving(Outside(), ADMIN_USERNAME="zo\u00eb") as api,
        httpx.AsyncClient(transport=httpx.ASGITransport(api.app), base_url="http://127.0.0.1") as browser,  # type: ignore[arg-type]
    ):
        fields = {"username": "zoe\u0308", "password": PASSWORD}
        assert (await browser.post("/admin/login", data=fields)).status_code == 303
        assert (await browser.get("/admin")).status_code == 200


async def test_the_cookie_is_for_this_site_alone_and_secure_off_the_loopback(browser: httpx.AsyncClient) -> None:
    fields = {"username": USERNAME, "password": PASSWORD}
    cookie = (await browser.post("/admin/login", data=fields)).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=86700"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    away = await browser.post("/admin/login", data=fields, headers={"Host": "aggregator.test"})
    assert "Secure" in away.headers["Set-Cookie"].split("; ")


async def test_a_session_ends_by_the_clock_of_its_own_service(api: Api, admin: httpx.AsyncClient) -> None:
    api.outside.clock.advance(timedelta(seconds=299))
    assert (await admin.get("/admin/products/new")).status_code == 200
    api.outside.clock.advance(timedelta(seconds=301))
    ended = await admin.get("/admin")
    assert ended.headers["Location"] == "/admin/login?next=/admin&ended=1"
    assert (await logged_in(admin)).cookies["session"]
    assert (await admin.get("/admin")).status_code == 200


async def test_use_renews_the_session_and_logout_ends_it(admin: httpx.AsyncClient) -> None:
    before = admin.cookies["session"]
    assert (await admin.get("/admin")).status_code == 200
    assert admin.cookies["session"] != before
    await admin.post("/admin/logout")
    answer = await admin.get("/admin")
    assert answer.headers["Location"] == "/admin/login?next=/admin"


async def test_typing_renews_the_session(admin: httpx.AsyncClient) -> None:
    before = admin.cookies["session"]
    assert (await admin.get("/admin/session")).status_code == 204
    assert admin.cookies["session"] != before


@pytest.mark.parametrize("ended", ["cookie gone", "cookie refused"])
async def test_a_form_that_comes_after_the_session_stands_there_again_after_the_login(
    api: Api, admin: httpx.AsyncClient, ended: str
) -> None:
    id = (await api.create("Kettle"))["id"]
    name, description = 'A "new" <kettle>', "Boils\r\nwell & fast"
    for path in ("/admin/products/new", f"/admin/products/{id}/edit"):
        form = form_of((await admin.get(path)).text) | {"name": name, "description": description}
        admin.cookies.clear()
        if ended == "cookie refused":
            admin.cookies.set("session", "garbage")
        asked = await admin.post(path, data=form)
        assert asked.status_code == 401
        assert "Your session has ended." in asked.text
        assert "csrf" not in form_of(asked.text)
        wrong = await admin.post("/admin/login", data=form_of(asked.text) | {"username": USERNAME, "password": "no"})
        answer = await admin.post(
            "/admin/login", data=form_of(wrong.text) | {"username": USERNAME, "password": PASSWORD}
        )
        assert answer.status_code == 200
        assert f'action="{path}"' in answer.text
        assert f'name="name" value="{html.escape(name).replace("&quot;", "&#34;")}"' in answer.text
        assert "Boils\nwell &amp; fast" in answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        # Nothing is saved by the login.
        assert [each["name"] for each in (await api.http.get("/products")).json()["items"]] == ["Kettle"]
        sent = form_of(answer.text)
        if path.endswith("/edit"):
            assert sent["revision"] == form["revision"]
            assert (await admin.post(path, data=sent | {"name": name, "description": description})).status_code == 303
    assert (await api.http.get(f"/products/{id}")).json()["name"] == name


async def test_a_deletion_that_comes_after_the_session_leads_back_to_its_confirmation(
    api: Api, admin: httpx.AsyncClient
) -> None:
    path = f"/admin/products/{(await api.create())['id']}/delete"
    form = form_of((await admin.get(path)).text)
    admin.cookies.clear()
    answer = await admin.post(path, data=form)
    assert answer.headers["Location"] == f"/admin/login?next={path}&ended=1"
    assert "Your session has ended." in (await admin.get(answer.headers["Location"])).text


async def test_another_site_fills_in_no_form(admin: httpx.AsyncClient) -> None:
    admin.cookies.clear()
    foreign = {"Sec-Fetch-Site": "cross-site"}
    answer = await admin.post("/admin/products/new", data={"name": "Theirs"}, headers=foreign)
    assert answer.headers["Location"] == "/admin/login?next=/admin/products/new&ended=1"


async def test_admin_pages_are_kept_by_nobody(api: Api, admin: httpx.AsyncClient) -> None:
    id = (await api.create())["id"]
    for path in ("/admin", "/admin/products/new", f"/admin/products/{id}/edit", f"/admin/products/{id}/delete"):
        assert (await admin.get(path)).headers["Cache-Control"] == "no-store"


async def test_a_product_is_created_edited_and_deleted(api: Api, admin: httpx.AsyncClient) -> None:
    answer = await send(admin, "/admin/products/new", name="Kettle", description="Boils\r\nwell")
    page = answer.headers["Location"]
    assert (answer.status_code, page[:11]) == (303, "/catalogue/")
    id = page.rpartition("/")[2]
    assert (await api.http.get(f"/products/{id}")).json()["description"] == "Boils\nwell"
    assert f'href="/admin/products/{id}/edit"' in (await admin.get(page)).text

    edit = f"/admin/products/{id}/edit"
    assert (await send(admin, edit, name="Big kettle", description="")).headers["Location"] == page
    assert "Big kettle" in (await admin.get(page)).text

    delete = f"/admin/products/{id}/delete"
    assert "Delete “<bdi>Big kettle</bdi>”?" in (await admin.get(delete)).text
    deleted = await send(admin, delete)
    assert "The product is deleted." in (await admin.get(deleted.headers["Location"])).text
    assert (await admin.get(page)).status_code == 404


@pytest.mark.parametrize(
    ("name", "description", "field"),
    [("", "d", "name"), ("Kettle", "d", "name"), ("n" * (NAME_LENGTH + 1), "d", "name"),
     ("Pot", "d" * (DESCRIPTION_LENGTH + 1), "description")],
    ids=["blank", "taken", "long name", "long description"],
)  # fmt: skip
async def test_a_mistake_stands_beside_its_field_and_nothing_typed_is_lost(
    api: Api, admin: httpx.AsyncClient, name: str, description: str, field: str
) -> None:
    await api.create("Kettle")
    answer = await send(admin, "/admin/products/new", name=name, description=description)
    assert answer.status_code == 422
    assert f'id="{field}-mistake"' in answer.text
    assert f'<a href="#{field}">' in answer.text
    assert f'name="name" value="{name}"' in answer.text
    assert description in answer.text


async def test_an_edit_that_came_too_late_shows_what_it_would_replace(api: Api, admin: httpx.AsyncClient) -> None:
    id = (await api.create("Kettle"))["id"]
    path = f"/admin/products/{id}/edit"
    form = form_of((await admin.get(path)).text)
    await api.http.patch(f"/products/{id}", json={"name": "Theirs"})
    late = await admin.post(path, data=form | {"name": "Mine", "description": "d"})
    assert late.status_code == 422
    assert "it is “Theirs” now" in late.text
    assert 'value="Mine"' in late.text
    again = await admin.post(path, data=form_of(late.text) | {"name": "Mine", "description": "d"})
    assert again.status_code == 303
    assert (await api.http.get(f"/products/{id}")).json()["name"] == "Mine"


async def test_products_that_need_an_admin_come_first_with_what_to_do(api: Api, admin: httpx.AsyncClient) -> None:
    assert "No product needs you" in (await admin.get("/admin")).text
    id = (await api.create("Kettle"))["id"]
    await api.outside.reject(UUID(id), "name too long")
    page = (await admin.get("/admin")).text
    assert "1 product needs you" in page
    assert "The Offers service refused it: name too long" in page
    retried = await admin.post(f"/admin/products/{id}/register", data=form_of(page))
    assert "The registration is tried again." in (await admin.get(retried.headers["Location"])).text
    assert (await api.http.get(f"/products/{id}")).json()["registration"]["state"] == "pending"


async def test_a_stale_product_needs_an_admin_and_says_what_to_look_at(api: Api, browser: httpx.AsyncClient) -> None:
    await api.create_observed((100, 12 * MINUTE), interval=MINUTE)
    admin = await logged_in(browser)
    page = (await admin.get("/admin")).text
    assert "1 product needs you" in page
    assert "too old to be trusted" in page
    assert "start more" in page


async def test_a_failing_product_is_tried_again_and_a_refused_row_is_told(api: Api, admin: httpx.AsyncClient) -> None:
    ids = [await api.create_observed((100, MINUTE), interval=DAY, name=name) for name in ("Kettle", "Pan", "Pot")]
    await api.outside.observe_answer(ids[0], ObservedOffers({}, refused=1), DAY)
    async with api.outside.storage.begin() as work:
        state = await work.synchronisations.get(ids[1])
        state.fail("connection refused", api.outside.clock(), api.outside.clock() + MINUTE)
        await work.synchronisations.save(state)
        await work.commit()
    page = (await admin.get("/admin")).text
    assert "2 products need you" in page
    assert "One row of its last answer could not be read." in page
    assert "The last attempt failed: connection refused" in page


async def test_health_is_told_in_words(api: Api, admin: httpx.AsyncClient) -> None:
    page = (await admin.get("/admin")).text
    assert "Database: ok" in page
    assert "All workers keep up" in page


async def test_an_unknown_product_is_a_page_that_says_so(admin: httpx.AsyncClient) -> None:
    for path in (f"/admin/products/{MISSING}/edit", f"/admin/products/{MISSING}/delete"):
        answer = await admin.get(path)
        assert answer.status_code == 404
        assert "There is no such page" in answer.text
