"""The catalogue's story from login to withdrawal, with products that get offers and prices that move."""

from collections.abc import Callable, Iterator

import pytest

from e2e.clients import Json
from e2e.processes import eventually
from e2e.system import System

MISSING = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def shop(new_system: Callable[[], System]) -> Iterator[System]:
    """Give a whole system whose prices move and are looked at every second."""
    system = new_system()
    system.start(interval=1, tick=1)
    yield system
    system.close()


def with_offers(shop: System, product_id: str) -> Json:
    """Wait until the product is registered and has offers."""

    def found() -> Json | None:
        product = shop.api.read(product_id)
        return product if product["registration"]["state"] == "registered" and product["offers"] else None

    product = eventually(found)
    assert product is not None
    return product


def prices(offers: list[Json]) -> dict[str, int]:
    return {offer["id"]: offer["price"] for offer in offers}


def test_created_products_are_registered_and_show_exactly_the_offers_of_the_simulator(shop: System) -> None:
    created = [shop.api.create(name) for name in ("Cordless drill", "Espresso machine", "Office chair")]
    assert all(product["registration"]["state"] == "pending" for product in created)
    for product in created:
        with_offers(shop, product["id"])
    shop.simulator.switch(freeze=True)
    shown = {product["id"]: prices(shop.simulator.offers(product["id"])) for product in created}
    eventually(lambda: {id: prices(shop.api.read(id)["offers"]) for id in shown} == shown)
    for id, offers in shown.items():
        assert prices(shop.api.client.get(f"/products/{id}/offers").json()["items"]) == offers
    shop.simulator.switch(freeze=False)
    assert [product["name"] for product in shop.api.all()][:3] == ["Office chair", "Espresso machine", "Cordless drill"]


def test_a_loaded_catalogue_and_a_product_created_after_it_are_registered_and_observed(shop: System) -> None:
    products = [{"name": f"Loaded lamp {number}", "description": "Gives light."} for number in range(200)]
    request: Json = {"json": {"products": products}, "headers": shop.api.as_admin | {"Idempotency-Key": "lamps"}}
    loaded = shop.api.client.post("/products/batch", **request)
    assert loaded.status_code == 201
    single = shop.api.create("Single lamp")
    with_offers(shop, single["id"])
    ids = [product["id"] for product in loaded.json()["items"]]

    def all_observed() -> bool:
        pages = [shop.api.client.get("/products", params={"id": ids[at : at + 100], "limit": 100}) for at in (0, 100)]
        shown = [product for page in pages for product in page.json()["items"]]
        return len(shown) == len(ids) and all(product["observed_at"] for product in shown)

    eventually(all_observed)
    replayed = shop.api.client.post("/products/batch", **request)
    assert (replayed.headers["Idempotency-Replayed"], replayed.content) == ("true", loaded.content)
    outcomes = shop.api.client.post(
        "/products/batch?partial=true", json={"products": products[:2]}, headers=shop.api.as_admin
    )
    assert [item["status"] for item in outcomes.json()["items"]] == [409, 409]


def test_prices_move_with_the_intervals(shop: System) -> None:
    product = with_offers(shop, shop.api.create("Trekking tent")["id"])
    seen = {str(prices(product["offers"]))}

    def moved() -> bool:
        seen.add(str(prices(shop.api.read(product["id"])["offers"])))
        return len(seen) > 2

    eventually(moved)


def test_an_amended_product_keeps_its_offers(shop: System) -> None:
    product = with_offers(shop, shop.api.create("Keyboard")["id"])
    path, change = f"/products/{product['id']}", {"name": "Mechanical keyboard"}
    amended = shop.api.client.patch(path, json=change, headers=shop.api.as_admin)
    assert (amended.status_code, amended.json()["name"]) == (200, "Mechanical keyboard")
    assert amended.json()["revision"] == product["revision"] + 1
    read = shop.api.read(product["id"])
    assert (read["name"], read["registration"]) == ("Mechanical keyboard", product["registration"])
    assert read["offers"]


def test_a_withdrawn_product_is_gone_at_once_and_its_name_is_free(shop: System) -> None:
    product = with_offers(shop, shop.api.create("Robot vacuum")["id"])
    assert shop.api.client.delete(f"/products/{product['id']}", headers=shop.api.as_admin).status_code == 204
    for path in ("", "/offers"):
        gone = shop.api.client.get(f"/products/{product['id']}{path}")
        assert (gone.status_code, gone.json()["type"]) == (404, "/problems/product-not-found")
    assert "Robot vacuum" not in [each["name"] for each in shop.api.all()]
    with_offers(shop, shop.api.create("Robot vacuum")["id"])


def test_a_second_product_with_the_same_name_or_id_is_refused(shop: System) -> None:
    product = shop.api.create("City bicycle")
    for same in ({"name": "City bicycle"}, {"name": "Another bicycle", "id": product["id"]}):
        refused = shop.api.client.post("/products", json={"description": "", **same}, headers=shop.api.as_admin)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/product-already-exists")


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "/products", {"name": "No token", "description": ""}, (401, "unauthenticated")),
        ("DELETE", f"/products/{MISSING}", None, (401, "unauthenticated")),
        ("POST", "/login", {"username": "admin", "password": "wrong"}, (401, "invalid-credentials")),
        ("POST", "/login", {"username": "admin"}, (422, "validation-error")),
        ("POST", "/login", "no object", (422, "validation-error")),
        ("GET", f"/products/{MISSING}", None, (404, "product-not-found")),
        ("GET", "/products?limit=0", None, (422, "validation-error")),
        ("GET", "/nowhere", None, (404, "not-found")),
        ("PUT", "/login", None, (405, "method-not-allowed")),
    ],
)
def test_every_refusal_is_a_problem(
    shop: System, method: str, path: str, body: object, expected: tuple[int, str]
) -> None:
    refused = shop.api.client.request(method, path, json=body)
    assert refused.headers["Content-Type"].startswith("application/problem+json")
    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (expected[0], f"/problems/{expected[1]}")
    assert problem["status"] == refused.status_code
    assert {"title", "detail", "instance"} <= problem.keys()
