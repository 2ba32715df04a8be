"""The calls of the Offers service as it answers them when all is well."""

import json
import random
import statistics
import uuid

import pytest

from development.offers_simulator.caller import OTHER, PRODUCT, Caller


async def test_offers_have_the_shape_and_ranges_that_were_seen(caller: Caller) -> None:
    await caller.auth()
    counts, prices, ids = [], [], []
    dice = random.Random(1)
    for _ in range(60):
        product_id = str(uuid.UUID(int=dice.getrandbits(128)))
        await caller.register(product_id)
        offers = (await caller.offers(product_id)).json()
        counts.append(len(offers))
        for offer in offers:
            assert list(offer) == ["id", "price", "items_in_stock"]
            assert type(offer["price"]) is int
            assert 15_000 <= offer["price"] <= 80_000
            assert 23 <= offer["items_in_stock"] <= 931
            assert offer["id"] == str(uuid.UUID(offer["id"]))
        ids += [uuid.UUID(offer["id"]) for offer in offers]
        own = [offer["price"] for offer in offers]
        prices.append(statistics.pstdev(own) / statistics.mean(own))
    assert min(counts) == 5
    assert max(counts) == 11
    assert 7 <= statistics.mean(counts) <= 9
    assert 0.02 <= statistics.mean(prices) <= 0.06
    assert len(set(ids)) == len(ids)
    assert sum(one.variant != uuid.RFC_4122 for one in ids) > len(ids) / 2


async def test_the_order_differs_between_answers_and_the_offers_do_not(known: Caller) -> None:
    answers = [(await known.offers()).json() for _ in range(10)]
    assert len({json.dumps(answer) for answer in answers}) > 1
    assert len({json.dumps(sorted(answer, key=lambda offer: offer["id"])) for answer in answers}) == 1


async def test_an_unregistered_product_does_not_exist(known: Caller) -> None:
    response = await known.offers(OTHER)
    assert (response.status_code, response.json()) == (404, {"detail": "Product does not exist"})


async def test_a_bad_id_is_named_before_the_token_is_looked_at(known: Caller) -> None:
    for response in (await known.offers("seven"), await known.client.get("/products/seven/offers")):
        assert response.status_code == 422
        assert [error["loc"] for error in response.json()["detail"]] == [["path", "product_id"]]


async def test_offers_are_refused_without_a_token(known: Caller) -> None:
    assert (await known.client.get(f"/products/{PRODUCT}/offers")).status_code == 401
    assert (await known.client.get(f"/products/{OTHER}/offers")).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/auth", "POST"),
        ("PUT", "/auth", "POST"),
        ("GET", "/products/register", "POST"),
        ("POST", f"/products/{PRODUCT}/offers", "GET"),
        ("HEAD", f"/products/{PRODUCT}/offers", "GET"),
        ("OPTIONS", f"/products/{PRODUCT}/offers", "GET"),
    ],
)
async def test_a_known_path_names_its_method(known: Caller, method: str, path: str, allowed: str) -> None:
    response = await known.client.request(method, path, headers={"Bearer": known.token})
    assert (response.status_code, response.headers["Allow"]) == (405, allowed)
    assert response.content in {b'{"detail":"Method Not Allowed"}', b""}
    assert (await known.state())["calls"]["other"] == {"405": 1}


async def test_what_the_service_does_not_have_is_not_found(known: Caller) -> None:
    assert (await known.client.delete(f"/products/{PRODUCT}")).status_code == 404
    assert (await known.state())["calls"]["other"] == {"404": 1}
