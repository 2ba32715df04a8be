"""The page of the diagnosis: findings, worst first, and a page for admins that does not wait for them."""

import asyncio
import html
import re

import httpx

from api_client.api import KEPT, Api
from application.diagnosis.finding import CHECKED, Check, broken, warning

PATH = "/admin/diagnosis"
REFUSED = broken(Check.TOKEN, "It is refused <b>.", "Nothing works.", "Run `aggregator doctor` & see.")
SLOW = warning(Check.WORKERS, "They are slow.", "Prices are old.", "Start one.")


async def test_each_finding_says_what_is_wrong_what_it_causes_and_what_mends_it(
    api: Api, admin: httpx.AsyncClient
) -> None:
    api.outside.findings = [REFUSED, SLOW]
    page = (await admin.get(PATH)).text
    assert '<h2 id="findings">2 findings</h2>' in page
    assert "<code>aggregator doctor</code>" in page
    text = " ".join(html.unescape(re.sub("<[^>]+>", " ", page)).split())
    assert "BROKEN token It is refused <b>. Nothing works. Run aggregator doctor & see. WARNING workers They" in text


async def test_all_is_well(admin: httpx.AsyncClient) -> None:
    page = (await admin.get(PATH)).text
    assert "Everything is well" in page
    assert CHECKED in page


async def test_the_admins_page_waits_for_no_diagnosis(api: Api, admin: httpx.AsyncClient) -> None:
    api.outside.diagnosing = asyncio.Event()
    page = await admin.get("/admin")
    assert page.status_code == 200
    assert f'hx-get="{PATH}" hx-trigger="load"' in page.text
    assert f'<a href="{PATH}">' in page.text
    assert api.outside.diagnoses == 0


async def test_one_diagnosis_is_under_way_whose_findings_others_share(api: Api, admin: httpx.AsyncClient) -> None:
    outside = api.outside
    outside.diagnosing, outside.findings = asyncio.Event(), [SLOW]
    readers = [asyncio.create_task(admin.get(PATH)) for _ in range(3)]
    while not outside.diagnoses:
        await asyncio.sleep(0)
    assert (await admin.get("/admin")).status_code == 200
    readers.pop().cancel()
    outside.diagnosing.set()
    assert all(SLOW.problem in answer.text for answer in await asyncio.gather(*readers))
    await admin.get(PATH)
    assert outside.diagnoses == 1
    outside.seconds += KEPT
    await admin.get(PATH)
    assert outside.diagnoses == 2


async def test_without_a_database_an_admin_is_led_to_what_is_wrong(api: Api, admin: httpx.AsyncClient) -> None:
    api.outside.storage.away, api.outside.findings = True, [REFUSED]
    page = await admin.get("/admin")
    assert page.status_code == 503
    assert f'<a href="{PATH}">' in page.text
    assert "BROKEN" in (await admin.get(PATH)).text
    admin.cookies.clear()
    assert PATH not in (await admin.get("/")).text
