"""Cursors are opaque: one that this listing did not give out leads nowhere, and harms nobody."""

import base64
from datetime import UTC, datetime
from uuid import UUID

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_client.api import Api, problem_of
from application.catalogue.listing import EVERYTHING, NEWEST_FIRST, PagePosition, ProductOrder, SortKey
from entrypoints.http.products.cursors import CursorMismatch, read_cursor, write_cursor

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
ID = UUID("6a1f0c1e-7b4d-4a5e-82c1-9d0e8f7a6b5c")
FIRST_DAY_FAR_EAST = "0001-01-01T00:00:00+14:00"


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(value)).decode().rstrip("=")


GOOD = write_cursor(NEWEST_FIRST, EVERYTHING, PagePosition(NOON, ID))
UNFILTERED = msgspec.msgpack.decode(base64.urlsafe_b64decode(GOOD + "=" * (-len(GOOD) % 4)))[2]
BROKEN = {
    "cut off": GOOD[:-1],
    "cut in half": GOOD[: len(GOOD) // 2],
    "one character": "A",
    "longer": GOOD + "AAAA",
    "not base64": GOOD[:-4] + "!!!!",
    "base64 of the other alphabet": "+/+/",
    "spaces": "   ",
    "a number": "7",
    "not ASCII": "ä",
    "not UTF-8": b"\xff\xfe",
    "NUL": "\0",
    "JSON": base64.urlsafe_b64encode(b'["-created_at", 1, 2]').decode(),
    "an unknown sort": packed(["age", True, UNFILTERED, NOON, ID]),
    "another sort": packed(["change_1d", True, UNFILTERED, 7, ID]),
    "another sort with our key": packed(["change_1d", True, UNFILTERED, NOON, ID]),
    "the other direction": packed(["created_at", False, UNFILTERED, NOON, ID]),
    "a number for a time": packed(["created_at", True, UNFILTERED, 7, ID]),
    "null for a time": packed(["created_at", True, UNFILTERED, None, ID]),
    "a naive time": packed(["created_at", True, UNFILTERED, NOON.replace(tzinfo=None), ID]),
    "a time before all times": packed(["created_at", True, UNFILTERED, FIRST_DAY_FAR_EAST, ID]),
    "a field too many": packed(["created_at", True, UNFILTERED, NOON, ID, 1]),
    "a field too few": packed(["created_at", True, UNFILTERED, NOON]),
    "another shape": packed({"sort": "created_at"}),
    "no id": packed(["created_at", True, UNFILTERED, NOON, "x"]),
    "nested deeply": base64.urlsafe_b64encode(b"\x91" * 380).decode(),
}


def test_these_cursors_are_broken_and_nothing_else_about_them() -> None:
    assert packed(["created_at", True, UNFILTERED, NOON, ID]) == GOOD


@pytest.mark.parametrize("key", [NOON, 2**63, "7", 1.5])
async def test_a_cursor_of_another_kind_does_not_fit_a_list_by_change(customer: httpx.AsyncClient, key: object) -> None:
    query = {"sort": "change", "cursor": packed(["change_1d", False, UNFILTERED, key, ID])}
    problem_of(await customer.get("/products", params=query), 400, "cursor-mismatch")


@pytest.mark.parametrize("key", ["a\0", None, 7, ["a"]])
async def test_a_cursor_of_another_kind_does_not_fit_a_list_by_name(customer: httpx.AsyncClient, key: object) -> None:
    query = {"sort": "name", "cursor": packed(["name", False, UNFILTERED, key, ID])}
    problem_of(await customer.get("/products", params=query), 400, "cursor-mismatch")


async def test_a_cursor_belongs_to_its_period(customer: httpx.AsyncClient) -> None:
    query = {"sort": "change", "period": "P7D", "cursor": packed(["change_1d", False, UNFILTERED, 7, ID])}
    problem_of(await customer.get("/products", params=query), 400, "cursor-mismatch")
    fitting = {**query, "period": "P1D"}
    assert (await customer.get("/products", params=fitting)).json() == {"items": [], "next": None}


@pytest.mark.parametrize("cursor", BROKEN.values(), ids=BROKEN)
async def test_a_cursor_of_somebody_else_is_a_mismatch(customer: httpx.AsyncClient, cursor: str | bytes) -> None:
    query = httpx.QueryParams({"cursor": cursor}) if isinstance(cursor, str) else "cursor=%FF%FE"
    problem_of(await customer.get("/products", params=query), 400, "cursor-mismatch")


async def test_a_very_long_cursor_is_refused(customer: httpx.AsyncClient) -> None:
    problem_of(await customer.get("/products", params={"cursor": "A" * 12_001}), 422, "validation-error")


async def test_a_cursor_does_not_show_what_is_in_it(api: Api) -> None:
    ids = [(await api.create(name))["id"] for name in ("Kettle", "Pan")]
    cursor = (await api.http.get("/products?limit=1")).json()["next"]
    assert all(id not in cursor for id in ids)
    assert cursor.isascii()
    assert httpx.QueryParams({"cursor": cursor}) == httpx.QueryParams(f"cursor={cursor}")


@given(st.binary(max_size=60))
def test_random_bytes_are_refused(given: bytes) -> None:
    with pytest.raises(CursorMismatch):
        read_cursor(base64.urlsafe_b64encode(given).decode(), NEWEST_FIRST, EVERYTHING)


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_every_position_is_read_back(at: datetime, id: UUID) -> None:
    position = PagePosition(at, id)
    assert read_cursor(write_cursor(NEWEST_FIRST, EVERYTHING, position), NEWEST_FIRST, EVERYTHING) == position


@given(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), st.uuids())
def test_every_change_is_read_back(change: int | None, id: UUID) -> None:
    order, position = ProductOrder(SortKey.CHANGE_7D), PagePosition(change, id)
    assert read_cursor(write_cursor(order, EVERYTHING, position), order, EVERYTHING) == position
