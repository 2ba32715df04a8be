"""GET /exports/products.ndjson and .csv: the catalogue as lines, filtered as lists are."""

import csv
import io
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

from api_client.api import MISSING, Api, parameters, problem_of
from domain.offer import Offer

IDS = {name: UUID(int=number) for number, name in enumerate(("Kettle", "Pan", "Pot"), start=1)}
PLAIN = {"Accept-Encoding": "identity"}
AWKWARD = ("=1+1", "+1", "-1", "@x", "'=1", 'say "hi", twice', "Zoë\u2028Ü", "1", "line\r\nbreak", "=line\nbreak")
SHOWN = {"None": "", "False": "false", "True": "true"}
NDJSON, CSV = "/exports/products.ndjson", "/exports/products.csv"


@pytest.fixture
async def shop(api: Api) -> Api:
    """Give three products in the order of their ids: at 100, without a price, at 700."""
    for name, id in IDS.items():
        await api.create(name, id=str(id))
    for name, price in (("Kettle", 100), ("Pot", 700)):
        await api.outside.observe(IDS[name], Offer(IDS[name], price, 1))
    return api


def lines(answer: httpx.Response) -> list[Any]:
    assert answer.status_code == 200, answer.text
    assert answer.content.endswith(b"\n") or not answer.content
    return [msgspec.json.decode(line) for line in answer.content.splitlines()]


def table(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline=""), strict=True))


def names(answer: httpx.Response) -> list[str]:
    return [product["name"] for product in lines(answer)]


async def test_each_product_is_a_line_as_the_list_shows_it(shop: Api, customer: httpx.AsyncClient) -> None:
    found = lines(await customer.get(NDJSON))
    listed = (await customer.get("/products", params={"sort": "name"})).json()["items"]
    assert found == [{name: value for name, value in each.items() if name != "change"} for each in listed]


async def test_the_table_says_the_same(shop: Api, customer: httpx.AsyncClient) -> None:
    rows, products = table(await customer.get(CSV)), lines(await customer.get(NDJSON))
    for row, product in zip(rows, products, strict=True):
        best = product["best_offer"] or {"id": "", "price": "", "items_in_stock": ""}
        flat = {name: value for name, value in product.items() if name not in ("registration", "best_offer")}
        flat |= {f"registration_{name}": value for name, value in product["registration"].items()}
        flat |= {f"best_offer_{name}": value for name, value in best.items()}
        assert row == {name: SHOWN.get(str(value), str(value)) for name, value in flat.items()}


async def test_text_is_quoted_and_numbers_are_not(shop: Api, customer: httpx.AsyncClient) -> None:
    header, first, *_ = (await customer.get(CSV)).text.split("\r\n")
    assert all(cell.startswith('"') and cell.endswith('"') for cell in header.split(","))
    numbers = [cell for cell in first.split(",") if not cell.startswith('"')]
    assert numbers == ["2", "100", "1", "1"]


@pytest.mark.parametrize("text", AWKWARD)
async def test_text_that_would_be_a_formula_is_guarded(api: Api, text: str) -> None:
    created = await api.create("Kettle", description=text)
    (row,) = table(await api.http.get(CSV))
    guarded = f"'{text}" if text[0] in "=+-@\t\r\n" else text
    assert row["description"] == guarded
    (row,) = table(await api.http.get(CSV, params={"raw": "true"}))
    assert row["description"] == text == created["description"]
    (product,) = lines(await api.http.get(NDJSON))
    assert product["description"] == text


async def test_an_empty_catalogue_is_an_empty_file_or_a_header(customer: httpx.AsyncClient, api: Api) -> None:
    assert lines(await customer.get(NDJSON)) == []
    answer = await customer.get(CSV)
    assert (table(answer), answer.text.count("\r\n")) == ([], 1)


async def test_a_resumed_export_goes_on_behind_an_id(shop: Api, customer: httpx.AsyncClient) -> None:
    assert names(await customer.get(NDJSON, params={"after": str(IDS["Kettle"])})) == ["Pan", "Pot"]
    assert names(await customer.get(NDJSON, params={"after": str(IDS["Pot"])})) == []
    assert [row["name"] for row in table(await customer.get(CSV, params={"after": str(IDS["Pan"])}))] == ["Pot"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "kett"}, ["Kettle"]),
        ({"in_stock": "true"}, ["Kettle", "Pot"]),
        ({"min_price": "101"}, ["Pot"]),
        ({"max_price": "100"}, ["Kettle"]),
        ({"registration": "pending"}, ["Pan"]),
        ({"id": [str(IDS["Pot"]), str(IDS["Pan"]), str(MISSING)]}, ["Pan", "Pot"]),
        ({"id": [str(IDS["Pot"]), str(IDS["Pan"])], "after": str(IDS["Pan"])}, ["Pot"]),
    ],
)
async def test_the_filters_of_the_list_apply(
    shop: Api, customer: httpx.AsyncClient, query: dict[str, Any], expected: list[str]
) -> None:
    assert names(await customer.get(NDJSON, params=query)) == expected
    assert [row["name"] for row in table(await customer.get(CSV, params=query))] == expected


@pytest.mark.parametrize("path", [NDJSON, CSV])
async def test_what_needs_attention_is_for_admins(shop: Api, customer: httpx.AsyncClient, path: str) -> None:
    problem_of(await customer.get(path, params={"attention": "true"}), 401, "unauthenticated")
    await shop.outside.reject(IDS["Pan"], "no")
    answer = await shop.http.get(path, params={"attention": "true"})
    assert (answer.status_code, "Pan" in answer.text, "Pot" in answer.text) == (200, True, False)


@pytest.mark.parametrize("path", [NDJSON, CSV])
@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("after=1", "after"),
        ("limit=1", "limit"),
        ("sort=name", "sort"),
        ("cursor=x", "cursor"),
        ("q=", "q"),
        ("min_price=2&max_price=1", "min_price"),
    ],
)
async def test_other_parameters_are_mistakes(
    customer: httpx.AsyncClient, path: str, query: str, parameter: str
) -> None:
    problem = problem_of(await customer.get(f"{path}?{query}"), 422, "validation-error")
    assert parameters(problem) == [parameter]


async def test_only_the_table_can_be_raw(customer: httpx.AsyncClient) -> None:
    problem_of(await customer.get(NDJSON, params={"raw": "true"}), 422, "validation-error")
    problem_of(await customer.get(CSV, params={"raw": "yes"}), 422, "validation-error")


@pytest.mark.parametrize(("path", "media_type"), [(NDJSON, "application/x-ndjson"), (CSV, "text/csv; charset=utf-8")])
async def test_it_is_a_file_to_save_that_nobody_keeps(
    shop: Api, customer: httpx.AsyncClient, path: str, media_type: str
) -> None:
    answer = await customer.get(path)
    assert answer.headers["Content-Type"] == media_type
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{path.rpartition("/")[2]}"'
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("*", True),
        ("x-gzip", True),
        ("GZIP", True),
        ("identity", False),
        ("", False),
        ("gzip;q=0", False),
        ("gzip;q=x", False),
        ("*, gzip;q=0", False),
        ("br", False),
    ],
)
async def test_it_is_compressed_for_clients_that_accept_that(
    shop: Api, customer: httpx.AsyncClient, accepted: str, compressed: bool
) -> None:
    plain = await customer.get(NDJSON, headers=PLAIN)
    async with customer.stream("GET", NDJSON, headers={"Accept-Encoding": accepted}) as answer:
        assert (answer.headers.get("Content-Encoding") == "gzip") is compressed
        assert await answer.aread() == plain.content


@pytest.mark.parametrize("path", [NDJSON, CSV])
async def test_head_has_the_headers_and_runs_no_export(shop: Api, customer: httpx.AsyncClient, path: str) -> None:
    shown = await customer.get(path)
    shop.outside.storage.away = True
    answer = await customer.head(path)
    ignored = {"x-request-id"}
    assert {name: value for name, value in answer.headers.items() if name not in ignored} == {
        name: value for name, value in shown.headers.items() if name not in ignored
    }
    assert (answer.status_code, answer.content) == (200, b"")
    problem_of(await customer.get(path), 503, "database-unavailable")
