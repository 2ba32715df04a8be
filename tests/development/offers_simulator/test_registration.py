"""Registering products, and the refusals."""

import uuid

import pytest

from development.offers_simulator.caller import OTHER, PRODUCT, Caller
from entrypoints.development.offers_simulator.options import DEFAULT_REFRESH_TOKEN


async def test_a_product_is_registered_once(caller: Caller) -> None:
    await caller.auth()
    first = await caller.register()
    assert (first.status_code, first.json()) == (201, {"id": PRODUCT})
    assert (await caller.register(PRODUCT.upper())).status_code == 409


@pytest.mark.parametrize("token", ["", "stranger", DEFAULT_REFRESH_TOKEN])
async def test_only_the_live_token_is_accepted(known: Caller, token: str) -> None:
    known.token = token
    assert (await known.register(OTHER)).status_code == 401
    assert (await known.offers()).status_code == 401


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        (b"{", ["body"]),
        (b'"\xff"', ["body"]),
        (b"[]", ["body"]),
        (b'{"name": "n", "description": "d"}', ["body", "id"]),
        (b'{"id": "seven", "name": "n", "description": "d"}', ["body", "id"]),
        (b'{"id": 7, "name": "n", "description": "d"}', ["body", "id"]),
        (b'{"id": "%b", "description": "d"}' % PRODUCT.encode(), ["body", "name"]),
        (b'{"id": "%b", "name": 1, "description": "d"}' % PRODUCT.encode(), ["body", "name"]),
        (b'{"id": "%b", "name": "n"}' % PRODUCT.encode(), ["body", "description"]),
    ],
)
async def test_what_is_wrong_with_a_body_is_named(caller: Caller, body: bytes, loc: list[str]) -> None:
    await caller.auth()
    response = await caller.client.post("/products/register", content=body, headers={"Bearer": caller.token})
    assert response.status_code == 422
    assert [error["loc"] for error in response.json()["detail"]] == [loc]


async def test_without_a_token_a_body_is_checked_and_then_refused(caller: Caller) -> None:
    response = await caller.client.post("/products/register", json={})
    assert response.status_code == 422
    assert [error["loc"] for error in response.json()["detail"]] == [
        ["body", "id"],
        ["body", "name"],
        ["body", "description"],
    ]
    body = {"id": PRODUCT, "name": "Kettle", "description": "Boils"}
    assert (await caller.client.post("/products/register", json=body)).status_code == 401
    assert (await caller.state())["registrations"] == 0


async def test_listed_products_and_marked_names_are_rejected(known: Caller) -> None:
    await known.control(reject_products=[OTHER], reject_marker="bad")
    assert (await known.register(OTHER)).status_code == 422
    assert (await known.register(str(uuid.UUID(int=1)), "a bad kettle")).status_code == 422
    assert (await known.register(str(uuid.UUID(int=1)), "a good kettle")).status_code == 201


async def test_foreign_products_conflict_and_have_no_offers(known: Caller) -> None:
    await known.control(foreign_products=[OTHER, PRODUCT], foreign_marker="theirs")
    for product_id, name in [(OTHER, "mine"), (str(uuid.UUID(int=1)), "theirs"), (PRODUCT, "mine")]:
        assert (await known.register(product_id, name)).status_code == 409
        assert (await known.offers(product_id)).status_code == 404
    await known.control(foreign_products=[])
    assert (await known.offers()).status_code == 200


async def test_all_registrations_or_some_are_forgotten_once(known: Caller) -> None:
    await known.register(OTHER)
    await known.control(forget_registrations=[OTHER])
    assert [(await known.offers(one)).status_code for one in (PRODUCT, OTHER)] == [200, 404]
    await known.control(forget_registrations=True)
    assert (await known.offers()).status_code == 404
    assert (await known.register()).status_code == 201
    assert (await known.state(f"/products/{PRODUCT}"))["traffic"]["registrations"] == 2


async def test_a_product_may_be_registered_already_by_somebody_else(known: Caller) -> None:
    await known.control(register_products=[OTHER])
    assert (await known.register(OTHER)).status_code == 409
    assert (await known.offers(OTHER)).status_code == 200
