"""How admins see and restart the synchronisation of one product."""

from datetime import timedelta
from uuid import UUID

import pytest

from api_client.api import MISSING, Api, problem_of

NOON, LATER = "2026-03-14T12:00:00Z", "2026-03-14T12:05:00Z"
DETAIL = "The Offers service says no."


async def rejected(api: Api) -> str:
    """Create a product whose registration was rejected."""
    id: str = (await api.create())["id"]
    async with api.outside.storage.begin() as work:
        product, state = await work.products.get(UUID(id)), await work.synchronisations.get(UUID(id))
        product.rejected(DETAIL, api.outside.clock())
        state.give_up(DETAIL, api.outside.clock())
        await work.products.save(product)
        await work.synchronisations.save(state)
        await work.commit()
    return id


async def test_a_new_product_waits_for_its_first_attempt(api: Api) -> None:
    answer = await api.http.get(f"/products/{(await api.create())['id']}/synchronisation")
    assert answer.json() == {
        "last_attempt_at": None,
        "last_success_at": None,
        "next_attempt_at": NOON,
        "consecutive_failures": 0,
        "last_error": None,
        "refused_rows": 0,
    }
    assert answer.headers["Cache-Control"] == "no-store"


async def test_an_observed_product_shows_its_success_and_its_next_attempt(api: Api) -> None:
    id = (await api.create())["id"]
    await api.outside.observe(UUID(id))
    answer = (await api.http.get(f"/products/{id}/synchronisation")).json()
    assert (answer["last_attempt_at"], answer["last_success_at"], answer["last_error"]) == (NOON, NOON, None)
    assert answer["next_attempt_at"] <= "2026-03-14T12:01:00Z"


async def test_a_rejected_product_says_why_and_waits_for_nothing(api: Api) -> None:
    id = await rejected(api)
    registration = (await api.http.get(f"/products/{id}")).json()["registration"]
    assert registration == {"state": "rejected", "since": NOON, "detail": DETAIL}
    assert (await api.http.get(f"/products/{id}/synchronisation")).json() == {
        "last_attempt_at": NOON,
        "last_success_at": None,
        "next_attempt_at": None,
        "consecutive_failures": 1,
        "last_error": DETAIL,
        "refused_rows": 0,
    }


async def test_a_rejected_product_can_be_tried_again_now(api: Api) -> None:
    id = await rejected(api)
    signals = api.outside.signal.signals
    api.outside.clock.advance(timedelta(minutes=5))
    answer = await api.http.post(f"/products/{id}/register")
    assert (answer.status_code, answer.content) == (202, b"")
    product = (await api.http.get(f"/products/{id}")).json()
    assert product["registration"] == {"state": "pending", "since": LATER, "detail": None}
    assert product["revision"] == 3
    assert (await api.http.get(f"/products/{id}/synchronisation")).json()["next_attempt_at"] == LATER
    assert api.outside.signal.signals == signals + 1


@pytest.mark.parametrize("body", [b"", b"{}", b"not json"])
async def test_a_body_makes_no_difference_to_a_new_try(api: Api, body: bytes) -> None:
    id = (await api.create())["id"]
    assert (await api.http.post(f"/products/{id}/register", content=body)).status_code == 202


async def test_a_registered_product_stays_as_it_is(api: Api) -> None:
    id = (await api.create())["id"]
    await api.outside.observe(UUID(id))
    before = [(await api.http.get(f"/products/{id}{path}")).json() for path in ("", "/synchronisation")]
    api.outside.clock.advance(timedelta(seconds=1))
    assert (await api.http.post(f"/products/{id}/register")).status_code == 202
    assert [(await api.http.get(f"/products/{id}{path}")).json() for path in ("", "/synchronisation")] == before


async def test_there_is_nothing_to_register_without_a_product(api: Api) -> None:
    problem_of(await api.http.post(f"/products/{MISSING}/register"), 404, "product-not-found")
