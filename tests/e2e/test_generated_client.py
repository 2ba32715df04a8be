"""A client that a generator makes of the description alone can do all that the API offers."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from enum import Enum
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import pytest

from e2e.clients import ADMIN
from e2e.generated_client import GeneratedClient, generated
from e2e.processes import eventually
from e2e.system import System

MADE_UP = re.compile(r"Type\d|VALUE_\d")
"""What the generator calls a choice that it finds no name for."""


@pytest.fixture(scope="module")
def shop(new_system: Callable[[], System]) -> Iterator[System]:
    """Give a whole system that looks at each product once, so that it then stays as it is."""
    system = new_system()
    system.start(interval=600)
    yield system
    system.close()


@pytest.fixture(scope="module")
def client(shop: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GeneratedClient]:
    """Give a client generated from the description of the running API."""
    description = shop.api.client.get("/schema/openapi.json").content
    with generated(description, tmp_path_factory.mktemp("client")):
        client = GeneratedClient(f"http://127.0.0.1:{shop.api_port}")
        yield client
        client.close()


@pytest.fixture(scope="module")
def drill(client: GeneratedClient) -> Any:
    """Give a product that has been observed."""
    created = client.create(name="Cordless drill", description="").parsed
    return eventually(lambda: (found := client.get(created.id).parsed).observed_at and found)


def assert_problem(client: GeneratedClient, answer: Any, status: HTTPStatus, slug: str) -> Any:
    problem = answer.parsed
    assert isinstance(problem, client.models.Problem)
    assert (answer.status_code, problem.status, problem.type_) == (status, status, f"/problems/{slug}")
    assert problem.request_id == answer.headers["X-Request-Id"]
    return problem


def test_every_operation_is_there(shop: System, client: GeneratedClient) -> None:
    description = shop.api.client.get("/schema/openapi.json").json()
    operations = [operation for path in description["paths"].values() for operation in path.values()]
    for operation in operations:
        name = re.sub(r"(?=[A-Z])", "_", operation["operationId"]).lower()
        assert client.module(operation["tags"][0], name).sync_detailed
    assert len(operations) > 10


def test_every_model_and_every_choice_has_a_name_that_says_something(client: GeneratedClient) -> None:
    models = {name: getattr(client.models, name) for name in client.models.__all__}
    enums = [model for model in models.values() if issubclass(model, Enum)]
    assert enums
    assert [
        name for name in [*models, *(member.name for enum in enums for member in enum)] if MADE_UP.search(name)
    ] == []


def test_it_logs_in(client: GeneratedClient) -> None:
    token = client.login(**ADMIN).parsed
    assert isinstance(token, client.models.LoginResponse)
    assert (token.token_type, token.expires_in) == ("Bearer", 300)
    refused = client.login(username="admin", password="wrong")
    assert_problem(client, refused, HTTPStatus.UNAUTHORIZED, "invalid-credentials")
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="product-aggregator"'


def test_it_creates_a_product_once(client: GeneratedClient) -> None:
    wanted = uuid4()
    created = client.create(name="Espresso machine", description="15 bar", id=wanted)
    product = created.parsed
    assert isinstance(product, client.models.ProductView)
    assert (created.status_code, product.id, product.description) == (HTTPStatus.CREATED, wanted, "15 bar")
    assert product.registration.state is client.models.RegistrationState.PENDING
    assert (created.headers["Location"], created.headers["ETag"]) == (f"/products/{wanted}", '"1.0.0"')
    again = client.create(name="Espresso machine", description="")
    assert_problem(client, again, HTTPStatus.CONFLICT, "product-already-exists")


def test_it_pages_through_all_products(client: GeneratedClient) -> None:
    made = {client.create(name=f"Chair {number}", description="").parsed.id for number in range(5)}
    seen, cursor = [], client.unset
    while cursor is not None:
        page = client.page(q="chair", sort=client.models.ListProductsSort.NAME, limit=2, cursor=cursor).parsed
        assert isinstance(page, client.models.ProductPage)
        seen += [product.id for product in page.items]
        cursor = page.next_
    assert (len(seen), set(seen)) == (5, made)


def test_it_asks_only_for_what_it_has_not_yet(client: GeneratedClient, drill: Any) -> None:
    first = client.get(drill.id)
    assert isinstance(first.parsed, client.models.ProductDetailView)
    assert first.parsed.best_offer.price == first.parsed.offers[0].price
    second = client.get(drill.id, if_none_match=first.headers["ETag"])
    assert (second.status_code, second.content, second.parsed) == (HTTPStatus.NOT_MODIFIED, b"", None)


def test_it_asks_about_prices_with_times_that_are_times(client: GeneratedClient, drill: Any) -> None:
    to = datetime.now(UTC)
    window = {"from_": to - timedelta(hours=1), "to": to}
    change = client.insight("get_price_change", drill.id, **window).parsed
    assert isinstance(change, client.models.PriceChangeResponse)
    assert (change.from_.at, change.to.at, change.from_.price) == (window["from_"], to, None)
    intervals = client.models.GetPriceHistoryInterval
    for interval, model in (
        (intervals.RAW, client.models.PriceStepsResponse),
        (intervals.FIVE_MINUTES, client.models.PriceBucketsResponse),
    ):
        history = client.insight("get_price_history", drill.id, interval=interval, **window).parsed
        assert isinstance(history, model)
        assert history.series[0].points


def test_it_reads_what_is_wrong_with_a_request(client: GeneratedClient) -> None:
    blank = assert_problem(
        client,
        client.create(name=" ", description=""),
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "validation-error",
    )
    assert [error.pointer for error in blank.errors] == ["/name"]
    page = assert_problem(client, client.page(limit=0), HTTPStatus.UNPROCESSABLE_ENTITY, "validation-error")
    assert [(type(error), error.parameter) for error in page.errors] == [(client.models.Mistake, "limit")]
    missing = assert_problem(client, client.get(uuid4()), HTTPStatus.NOT_FOUND, "product-not-found")
    assert missing.errors is client.unset
