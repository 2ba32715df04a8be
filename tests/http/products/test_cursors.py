"""Cursors are opaque: a cursor that is not from this listing is refused, and does no harm."""

import base64
from datetime import UTC, datetime
from uuid import UUID

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_client.api import SECRET, Api, Outside, problem_of, serving
from application.catalogue.listing import EVERYTHING, NEWEST_FIRST, PagePosition, ProductFilter, ProductOrder, SortKey
from entrypoints.http.cursors import CHECKSUM_LENGTH
from entrypoints.http.problems.cursor_mismatch import CursorMismatch
from entrypoints.http.products.cursors import Cursors

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
ID = UUID("6a1f0c1e-7b4d-4a5e-82c1-9d0e8f7a6b5c")
FIRST_DAY_FAR_EAST = "0001-01-01T00:00:00+14:00"


OURS, OTHERS = Cursors(SECRET), Cursors("another secret")
GOOD = OURS.write(NEWEST_FIRST, EVERYTHING, PagePosition(NOON, ID))
DECODED = base64.urlsafe_b64decode(GOOD + "=" * (-len(GOOD) % 4))
UNFILTERED = msgspec.msgpack.decode(DECODED[CHECKSUM_LENGTH:])[2]


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def packed(value: object) -> str:
    """Return a cursor with the checksum of another one."""
    return encoded(DECODED[:CHECKSUM_LENGTH] + msgspec.msgpack.encode(value))


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
    "of another secret": OTHERS.write(NEWEST_FIRST, EVERYTHING, PagePosition(NOON, ID)),
    "without a checksum": encoded(DECODED[CHECKSUM_LENGTH:]),
    "of another position": packed(["created_at", True, UNFILTERED, NOON, UUID(int=1)]),
    "of another time": packed(["created_at", True, UNFILTERED, FIRST_DAY_FAR_EAST, ID]),
    "of a shorter checksum": encoded(DECODED[1:]),
    "of another list": OURS.write(ProductOrder(SortKey.CHANGE_1D), EVERYTHING, PagePosition(7, ID)),
    "of the other direction": OURS.write(ProductOrder(SortKey.CREATED_AT), EVERYTHING, PagePosition(NOON, ID)),
    "of a search": OURS.write(NEWEST_FIRST, ProductFilter(words=frozenset({"a"})), PagePosition(NOON, ID)),
    "nested for the stack": encoded(DECODED[:CHECKSUM_LENGTH] + b"\x91" * 8_000),
    "a map for the stack": encoded(DECODED[:CHECKSUM_LENGTH] + b"\x81\xa0" * 4_000),
    "nested deeply": base64.urlsafe_b64encode(b"\x91" * 380).decode(),
}


def test_these_cursors_are_broken_and_nothing_else_about_them() -> None:
    assert packed(["created_at", True, UNFILTERED, NOON, ID]) == GOOD


async def test_replicas_read_each_others_cursors_and_nobody_elses() -> None:
    async with serving(Outside()) as here, serving(Outside(), JWT_SECRET="another secret") as there:
        assert (await here.http.get("/products", params={"cursor": GOOD})).status_code == 200
        problem_of(await there.http.get("/products", params={"cursor": GOOD}), 400, "cursor-mismatch")


async def test_a_cursor_belongs_to_its_period(customer: httpx.AsyncClient) -> None:
    cursor = OURS.write(ProductOrder(SortKey.CHANGE_1D), EVERYTHING, PagePosition(7, ID))
    query = {"sort": "change", "period": "P7D", "cursor": cursor}
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
        OURS.read(base64.urlsafe_b64encode(given).decode(), NEWEST_FIRST, EVERYTHING)


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_every_position_is_read_back(at: datetime, id: UUID) -> None:
    position = PagePosition(at, id)
    assert OURS.read(OURS.write(NEWEST_FIRST, EVERYTHING, position), NEWEST_FIRST, EVERYTHING) == position


@given(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), st.uuids())
def test_every_change_is_read_back(change: int | None, id: UUID) -> None:
    order, position = ProductOrder(SortKey.CHANGE_7D), PagePosition(change, id)
    assert OURS.read(OURS.write(order, EVERYTHING, position), order, EVERYTHING) == position
